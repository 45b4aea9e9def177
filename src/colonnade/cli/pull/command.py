"""Looks the repository up, has a model chosen, and shows how it comes."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from colonnade.cli.console import INTERRUPTED, out, say
from colonnade.cli.errors import CommandError
from colonnade.cli.pull.choice import choose
from colonnade.cli.pull.progress import showing
from colonnade.cli.report import size
from colonnade.hub import (
    Hub,
    HubModel,
    ModelError,
    cached_model,
    parse_hub_model,
    wanted_files,
)

if TYPE_CHECKING:
    from pathlib import Path

    from colonnade.cli.pull.progress import Shown
    from colonnade.hub import Repository


def pull(text: str, *, projector: bool) -> None:
    """Download a model, and print the path of the file to load.

    Raises:
        CommandError: it is none of the hub's.
        ModelError: it cannot be had.
    """
    model = _hub_model(text)
    hub = Hub()
    try:
        repository = hub.look_up(model.repo)
        if model.wanted is None:
            model = choose(hub, repository)
        _say_projector(hub, repository, model, projector=projector)
        path = _fetch(hub, repository, model, projector=projector)
    except ModelError as error:
        if cached_model(model) is not None:
            msg = f"{error} (a downloaded copy is here and stays as it is)"
            raise CommandError(msg) from error
        raise
    out(str(path))


def _hub_model(text: str) -> HubModel:
    if text.startswith("hf:"):
        return parse_hub_model(text)
    owner, slash, repo = text.partition("/")
    hint = f"; did you mean hf:{text}?" if slash and owner and repo and "/" not in repo else ""
    msg = f"{text!r} is nothing to download: that is hf:OWNER/REPO[:FILE-OR-QUANT]{hint}"
    raise CommandError(msg)


def _say_projector(hub: Hub, repository: Repository, model: HubModel, *, projector: bool) -> None:
    """Say what comes beside the model, or stays away."""
    alone = wanted_files(repository, model, projector=False)
    beside = wanted_files(repository, model, projector=True)[len(alone) :]
    for name in beside:
        bytes_ = repository.size_of([name])
        if bytes_ is not None and hub.here(repository, [name]) == bytes_:
            continue
        length = "" if bytes_ is None else f" ({size(bytes_)})"
        if projector:
            say(f"With it comes {name}{length}, for pictures or sound; --no-mmproj leaves it there")
        else:
            say(f"Left there: {name}{length}, for pictures or sound")


def _fetch(hub: Hub, repository: Repository, model: HubModel, *, projector: bool) -> Path:
    start = time.monotonic()
    shown = None
    try:
        with showing(terminal=sys.stderr.isatty()) as shown:
            path = hub.pull(repository, model, say, shown.tell, projector=projector)
    except KeyboardInterrupt:
        _say_stopped(shown)
        raise SystemExit(INTERRUPTED) from None
    seconds = time.monotonic() - start
    if shown.came:
        rate = size(int(shown.came / seconds)) if seconds > 0 else "-"
        say(f"{model}: {size(shown.total)} are here; {size(shown.came)} came at {rate}/s")
    else:
        say(f"{model} was here already ({size(shown.total)})")
    return path


def _say_stopped(shown: Shown | None) -> None:
    if shown and shown.done:
        kept = f"{size(shown.done)} of {size(shown.total)} are kept"
        say(f"Stopped: {kept}, and the same command goes on from there.")
    else:
        say("Stopped before anything had come.")
