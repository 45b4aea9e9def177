"""Which of a repository's models: asked in a terminal, else the usual one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from colonnade.cli.console import say, shown
from colonnade.cli.errors import CommandError
from colonnade.cli.report import size
from colonnade.hub import HubModel, ModelError, all_models, default_label, wanted_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from colonnade.hub import Hub, Repository

_MOST_SHOWN = 40


class Choice(NamedTuple):
    """One of a repository's models."""

    label: str
    """What stands for it behind the repository's name."""
    files: tuple[str, ...]
    size: int | None
    """Bytes; None where the hub's list does not say it."""
    here: int
    """Bytes of it that were downloaded."""


def choose(hub: Hub, repository: Repository) -> HubModel:
    """Have one chosen, or take the usual one and say so.

    Raises:
        CommandError: nothing was chosen.
        ModelError: there is none, or it is not clear which one is meant and nobody can be asked.
    """
    choices = [
        Choice(label, files, repository.size_of(files), hub.here(repository, files))
        for label, files in all_models(repository.files)
    ]
    choices.sort(key=lambda each: (each.size or 0, each.label))
    usual = default_label(repository.files)
    if len(choices) > 1 and sys.stdin.isatty() and sys.stderr.isatty():
        return _ask(repository, choices, usual)
    wanted_files(repository, HubModel(repository.id), projector=False)  # raises what is to be said
    label = usual or choices[0].label
    if len(choices) > 1:
        say(f"Taking {label}, the usual one of {len(choices):,}")
    return HubModel(repository.id, label)


def _ask(repository: Repository, choices: Sequence[Choice], usual: str | None) -> HubModel:
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    say(f"hf:{repository.id} has {len(choices):,} models:")
    console.print(_table(choices[:_MOST_SHOWN], usual))
    if len(choices) > _MOST_SHOWN:
        say(f"and {len(choices) - _MOST_SHOWN:,} larger ones")
    while True:
        default = f" [{usual}]" if usual else ""
        print(
            shown(f"Which one, by number or name?{default} "), end="", file=sys.stderr, flush=True
        )
        try:
            answer = input().strip() or usual
        except EOFError:
            say("")
            msg = "nothing was chosen"
            raise CommandError(msg) from None
        if answer is None:
            continue
        try:
            return _chosen(repository, choices, answer)
        except ModelError as error:
            say(str(error))


def _chosen(repository: Repository, choices: Sequence[Choice], answer: str) -> HubModel:
    """What an answer means.

    Raises:
        ModelError: nothing, or several models.
    """
    if answer.isdecimal() and 0 < int(answer[:9]) <= min(len(choices), _MOST_SHOWN):
        return HubModel(repository.id, choices[int(answer) - 1].label)
    model = HubModel(repository.id, answer)
    wanted_files(repository, model, projector=False)
    return model


def _table(choices: Sequence[Choice], usual: str | None) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for title, side in (("", "right"), ("model", "left"), ("size", "right"), ("", "left")):
        table.add_column(title, justify=side, overflow="fold")  # type: ignore[arg-type]
    for number, each in enumerate(choices, 1):
        row = [str(number), shown(each.label), _size(each), _note(each, usual)]
        table.add_row(*map(Text, row))
    return table


def _size(choice: Choice) -> str:
    return "" if choice.size is None else size(choice.size)


def _note(choice: Choice, usual: str | None) -> str:
    notes = [f"{len(choice.files)} files"] if len(choice.files) > 1 else []
    if choice.label == usual:
        notes.append("the usual one")
    if choice.here:
        notes.append("here" if choice.here == choice.size else f"{size(choice.here)} are here")
    return ", ".join(notes)
