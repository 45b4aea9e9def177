"""The commands for the models on this machine, with their flags and help; as ``commands`` is."""

from __future__ import annotations

import rich_click as click

from colonnade.cli.console import one_line_errors


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


COMMANDS = (pull,)
