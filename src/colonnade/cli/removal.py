"""``colonnade rm``: a downloaded model goes, and what it took of the disk is free."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.cli.console import out, say, shown
from colonnade.cli.errors import CommandError
from colonnade.cli.report import size
from colonnade.hub import (
    ModelError,
    delete_unfinished,
    find_deletion,
    parse_hub_model,
    unfinished_downloads,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colonnade.hub import Deletion, HubModel


def remove(models: Sequence[str], *, sure: bool, unfinished: bool) -> None:
    """Remove downloaded models, or what unfinished downloads of their repositories have left.

    Raises:
        CommandError: one is nothing that was downloaded, or it is not meant; nothing is removed.
        ModelError: one is not here, or cannot be removed.
    """
    found = [_hub_model(each) for each in models]
    if unfinished:
        _remove_unfinished(found)
        return
    deletions = [_deletion(model) for model in found]
    if not sure:
        for each in deletions:
            say(f"{each.model}: {', '.join(each.files)} ({size(each.freed)})")
        _confirm()
    for model in found:
        deletion = _deletion(model)  # the ones before may have left it the last one
        deletion.execute()
        out(f"{model} is removed, {size(deletion.freed)} are free")


def _deletion(model: HubModel) -> Deletion:
    try:
        return find_deletion(model)
    except ModelError as error:
        left = unfinished_downloads().get(model.repo)
        if left is None:
            raise
        msg = f"{error}; an unfinished download has left {size(left)}, which --unfinished removes"
        raise ModelError(msg) from error


def _remove_unfinished(models: Sequence[HubModel]) -> None:
    here = unfinished_downloads()
    for model in models:
        if model.repo not in here:
            msg = f"no download of {model.repo} is unfinished"
            raise ModelError(msg)
    for repo in dict.fromkeys(model.repo for model in models):
        freed = delete_unfinished(repo)
        out(f"What was unfinished of {repo} is removed, {size(freed)} are free")


def _hub_model(text: str) -> HubModel:
    if text.startswith("hf:"):
        return parse_hub_model(text)
    if text == "demo":
        why = "demo is a part of Colonnade"
    elif text.startswith("pkg:"):
        package = text.removeprefix("pkg:").partition(":")[0]
        why = f"{text} belongs to an installed package: {sys.executable} -m pip uninstall {package}"
    elif Path(text).exists():
        why = f"{text} was not downloaded by Colonnade: your file is yours to remove"
    else:
        why = f"{text!r} is nothing that was downloaded; colonnade list shows what was"
    raise CommandError(why)


def _confirm() -> None:
    """Ask whether it is meant.

    Raises:
        CommandError: it is not, or nobody can be asked.
    """
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        msg = "nobody can be asked here whether that is meant: --yes says so"
        raise CommandError(msg)
    print(shown("Remove? [y/N] "), end="", file=sys.stderr, flush=True)
    try:
        answer = input()
    except EOFError:
        say("")
        answer = ""
    if answer.strip().lower() not in {"y", "yes"}:
        msg = "nothing is removed"
        raise CommandError(msg)
