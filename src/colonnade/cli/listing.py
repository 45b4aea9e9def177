"""``colonnade list``: the models that could be served without a download."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from colonnade.cli.console import out
from colonnade.cli.report import ago, columns, size
from colonnade.hub import (
    demo_file,
    downloaded_models,
    packaged_models,
    projector_beside,
    quantization,
    unfinished_downloads,
)
from colonnade.serving.files import scan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.settings import Settings


Source = Literal["embedded", "package", "directory", "hub"]


class Listed(Struct, frozen=True):
    """A model that is here, or the beginning of one."""

    model: str
    """What to write for MODEL."""
    source: Source
    size: int
    """Bytes."""
    quantization: str = ""
    """As the file's name tells it; empty where it does not."""
    modified: float | None = None
    """Seconds since 1970."""
    path: str | None = None
    """Of the file to load, the first one of several."""
    projector: str | None = None
    """The file beside it with which it sees or hears."""
    complete: bool = True
    """False for what an unfinished download has left; MODEL is its repository then."""


def list_models(settings: Settings, *, as_json: bool) -> None:
    """Print a line a model."""
    found = list(_found(settings))
    if as_json:
        out(msgspec.json.encode(found).decode())
        return
    rows = [("MODEL", "SIZE", "QUANTIZATION", "MODIFIED", ""), *map(_row, found)]
    for line in columns(rows, right={1}):
        out(line)


def _found(settings: Settings) -> Iterator[Listed]:
    demo = demo_file()
    yield _listed("demo", "embedded", demo, demo.stat().st_size)
    for package in packaged_models():
        yield _listed(str(package.model), "package", package.path, package.size)
    for file in scan(settings.registry.models_dir):
        path = Path(file.path)
        yield _listed(file.path, "directory", path, file.size, projector_beside(path))
    for each in downloaded_models():
        yield _listed(str(each.model), "hub", each.path, each.size, each.projector)
    for repo, bytes_ in unfinished_downloads().items():
        yield Listed(f"hf:{repo}", "hub", bytes_, complete=False)


def _listed(
    model: str, source: Source, path: Path, bytes_: int, projector: Path | None = None
) -> Listed:
    try:
        modified = path.stat().st_mtime
    except OSError:  # a package has recorded it, and it is gone
        modified = None
    beside = str(projector) if projector else None
    return Listed(model, source, bytes_, quantization(path.name), modified, str(path), beside)


def _row(each: Listed) -> tuple[str, ...]:
    age = "" if each.modified is None else ago(time.time() - each.modified)
    notes: list[str] = [each.source] if each.source != "hub" else []
    if each.projector:
        notes.append("with a projector")
    if not each.complete:
        notes.append("unfinished")
    return each.model, size(each.size), each.quantization, age, ", ".join(notes)
