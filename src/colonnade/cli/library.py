"""The commands for the models on this machine, with their flags and help; as ``commands`` is."""

from __future__ import annotations

from copy import copy

import rich_click as click

from colonnade.cli.console import one_line_errors
from colonnade.cli.flags import setting_flags, settings_of


@click.command()
@click.argument("model", metavar="hf:OWNER/REPO[:FILE-OR-QUANT]")
@click.option(
    "--mmproj/--no-mmproj",
    default=True,
    help="Download the projector for pictures or sound, too, if there is one. [default: mmproj]",
)
def pull(model: str, mmproj: bool) -> None:
    """Download a model from the Hugging Face hub.

    Shows what the repository has and asks, where no file or quantization is named. A download that
    was stopped goes on where it was. The path of the file is printed when it is here.

    HF_TOKEN is for what is private or gated, HF_HUB_CACHE where it is stored, HF_ENDPOINT another
    hub.
    """
    with one_line_errors():
        from colonnade.cli.pull import pull as run

        run(model, projector=mmproj)


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@setting_flags(also=("models_dir",))
def list_(as_json: bool, **flags: object) -> None:
    """List the models that are here: embedded, packaged, in your directories, from the hub.

    The first column is what to write for MODEL.
    """
    with one_line_errors():
        settings = settings_of(flags)
        from colonnade.cli.listing import list_models

        list_models(settings, as_json=as_json)


@click.command()
@click.argument("model", metavar="MODEL")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(model: str, as_json: bool) -> None:
    """Show what a model is and can do, as its file says, without loading it.

    Its speed and what it takes of memory are told by check, the latter without loading, too.
    """
    with one_line_errors():
        from colonnade.cli.show import show as run

        run(model, as_json=as_json)


@click.command()
@click.argument("models", metavar="hf:OWNER/REPO[:FILE-OR-QUANT]...", nargs=-1, required=True)
@click.option("-y", "--yes", "sure", is_flag=True, help="Remove without asking.")
@click.option(
    "--unfinished",
    is_flag=True,
    help="Remove what unfinished downloads of the repositories have left, and no model.",
)
def rm(models: tuple[str, ...], sure: bool, unfinished: bool) -> None:
    """Remove downloaded models from the disk.

    What other models, other revisions or other programs use of the cache stays. A server that has a
    removed model loaded goes on with it.
    """
    with one_line_errors():
        from colonnade.cli.removal import remove

        remove(models, sure=sure, unfinished=unfinished)


@click.command()
@click.option(
    "--url",
    metavar="URL",
    help="The server. [default: the settings' port on this machine]",
)
@click.option(
    "--api-key",
    metavar="KEY",
    envvar="COLONNADE_API_KEY",
    help="A key of an administrator. [COLONNADE_API_KEY]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@setting_flags()
def ps(url: str | None, api_key: str | None, as_json: bool, **flags: object) -> None:
    """List the models that a running server has loaded.

    With the memory of each, its context x slots, how many requests run and wait, and when it is
    unloaded if nobody uses it.
    """
    with one_line_errors():
        from colonnade.cli.status import ps as run

        key = (api_key or "").partition(",")[0]
        run(url or f"http://127.0.0.1:{settings_of(flags).server.port}", key, as_json=as_json)


models = copy(list_)
models.name = "models"
models.short_help = "The same as list, by its older name."

COMMANDS = (pull, list_, models, show, rm, ps)
