"""The commands with their flags and help. Their work is elsewhere, and imported when it is done."""

from __future__ import annotations

import rich_click as click

from colonnade import __version__
from colonnade.cli.console import one_line_errors
from colonnade.cli.flags import refuse_flags_of, setting_flags, settings_of
from colonnade.cli.library import COMMANDS
from colonnade.cli.older import OlderForms, in_older_form

_SERVE_GROUPS = (
    "server",
    "connections",
    "model",
    "registry",
    "queue",
    "limits",
    "legacy",
    "sampling",
)


@click.group(cls=OlderForms, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="colonnade %(version)s")
def main() -> None:
    """An OpenAI-compatible inference server for GGUF models.

    MODEL is a GGUF file, hf:OWNER/REPO or hf:OWNER/REPO:FILE-OR-QUANT for one on the Hugging Face
    hub, pkg:PACKAGE or pkg:PACKAGE:FILE for one that an installed Python package ships, demo for
    the small one that is embedded, or, for serve, none.

    MODEL alone is served. --mode=daemon, interactive or test stand for serve on port 3125, chat and
    check, as the Gemma worker had them.
    """


@main.command()
@setting_flags(*_SERVE_GROUPS)
def serve(**flags: object) -> None:
    """Serve a model to OpenAI clients, by default the embedded one on port 8000.

    Every flag is an environment variable too (--ctx-size: COLONNADE_CTX_SIZE) and a line in a TOML
    file.
    """
    with one_line_errors():
        settings = settings_of(flags)
        from colonnade.cli.serve import serve as run

        raise SystemExit(run(settings, older_form=in_older_form()))


@main.command()
@click.option("--url", metavar="URL", help="Talk to this server instead of loading a model.")
@click.option("--system", metavar="TEXT", help="Instructions that stand before the conversation.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest answer. [tokens]")
@setting_flags("model", "sampling")
def chat(url: str | None, system: str | None, max_tokens: int | None, **flags: object) -> None:
    """Talk to a model in the terminal."""
    if url:
        refuse_flags_of("model", flags, "--url talks to a server that has its model already")
    with one_line_errors():
        settings = settings_of(flags)
        from colonnade.cli.chat import chat as run

        run(settings, url, system=system or "", max_tokens=max_tokens)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--estimate", "estimates", is_flag=True, help="Say what it takes of memory, without loading it."
)
@setting_flags("model", also=("memory",))
def check(as_json: bool, estimates: bool, **flags: object) -> None:
    """Load a model, let it generate, and report its speed and what it can do."""
    with one_line_errors():
        settings = settings_of(flags)
        if estimates:
            from colonnade.cli.estimate import estimate

            estimate(settings, as_json=as_json)
            return
        from colonnade.cli.check import check as run

        run(settings, as_json=as_json)


@main.command()
@click.argument("url", metavar="[URL]", default="http://127.0.0.1:8000", required=False)
@click.option(
    "--api-key",
    metavar="KEY",
    envvar="COLONNADE_API_KEY",
    help="A key of an administrator. [COLONNADE_API_KEY]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and end.")
@click.option("--once", is_flag=True, help="Print the present state, and end.")
@click.option(
    "--interval", type=click.FloatRange(min=0.1), default=1.0, help="Between two looks. [s]"
)
def status(url: str, api_key: str | None, as_json: bool, once: bool, interval: float) -> None:
    """Show what a running server does: its slots, its speed, what went wrong.

    Again and again until Ctrl-C in a terminal, and once elsewhere.
    """
    with one_line_errors():
        from colonnade.cli.status import status as run

        key = (api_key or "").partition(",")[0]
        run(url, key, as_json=as_json, once=once, interval=interval)


for each in COMMANDS:
    main.add_command(each)
