"""Files that a client may name: those below the directories that the operator has opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.hub.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_LONGEST = 4096


class MissingModelError(ModelError):
    """There is no such file in the directories."""


def find_below(directories: Sequence[str], text: str) -> Path:
    """The real path of a file that a client names, absolute or relative to one of the directories.

    Links and ``..`` are followed first: what counts is where the file lies. Whether something
    exists elsewhere is not told.

    Raises:
        MissingModelError: there is no such file below a directory.
        ModelError: the path leads elsewhere, or no directory is open.
    """
    if not directories:
        msg = "no model directory is open: start the server with --models-dir DIRECTORY"
        raise ModelError(msg)
    if len(text) > _LONGEST:  # to resolve a path takes the square of its length
        msg = f"a path of {len(text)} characters is too long"
        raise ModelError(msg)
    roots = [Path(each).expanduser().resolve() for each in directories]
    inside = [path for path in _candidates(text, roots) if _below(path, roots)]
    if not inside:
        msg = f"{text[:200]!r} is not below a model directory"
        raise ModelError(msg)
    for path in inside:
        if _is_file(path):
            return path
    msg = f"Model file not found: {text[:200]}"
    raise MissingModelError(msg)


def _candidates(text: str, roots: Sequence[Path]) -> Iterator[Path]:
    for root in roots:
        try:
            yield (root / text).resolve()  # an absolute path takes the place of the root
        except (OSError, ValueError, RuntimeError):  # too long, a NUL in it, a circle of links
            continue


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # its name is too long
        return False


def _below(path: Path, roots: Sequence[Path]) -> bool:
    return any(path.is_relative_to(root) for root in roots)
