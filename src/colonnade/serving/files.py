"""The models below the operator's directories, and whether a file is still the same."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from unicodedata import category

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_DEEPEST = 8
"""Directories within directories that are looked into."""

_MOST = 20_000
"""Files of a directory with all below it that are looked at."""

_ENDING = ".gguf"
_SHARD = re.compile(r"-(\d{5})-of-\d{5}$")
_PART = re.compile(r"mmproj|imatrix", re.IGNORECASE)
"""No models of their own: projectors, and data for quantization."""


class FileState(NamedTuple):
    """What tells whether a file was changed: its number, size and time of the last change."""

    inode: int
    size: int
    changed_ns: int

    @staticmethod
    def of(path: str) -> FileState | None:
        """As it is now; None where there is no such file."""
        try:
            found = Path(path).stat()
        except (OSError, ValueError):
            return None
        return FileState(found.st_ino, found.st_size, found.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Found:
    """A model in a directory."""

    id: str
    """Its path from the directory, without the ending and the number of its first part."""
    path: str
    """Of the file to load, the first one of several."""
    size: int
    """Bytes of all its files."""
    state: FileState
    aliases: tuple[str, ...] = ()


def scan(directories: Sequence[str]) -> list[Found]:
    """The models below the directories, in the order of their ids.

    Of an id that comes twice the first directory's counts. A thousand files take some ms. Links to
    files are followed, those to directories are not: they may go in circles.
    """
    found: dict[str, Found] = {}
    for directory in directories:
        root = Path(directory).expanduser()
        for each in _models(_files(root)):
            found.setdefault(each.id, each)
    return _with_aliases(sorted(found.values(), key=lambda each: each.id))


def _models(files: Iterable[tuple[str, str, FileState]]) -> Iterator[Found]:
    """Put parts together. A model whose first part is not there is none."""
    parts: defaultdict[str, dict[int, tuple[str, FileState]]] = defaultdict(dict)
    for name, path, state in files:
        shard = _SHARD.search(name)
        whole = name[: shard.start()] if shard else name
        parts[whole][int(shard[1]) if shard else 1] = path, state
    for name, each in parts.items():
        if 1 in each:
            path, state = each[1]
            size = sum(part.size for _, part in each.values())
            # a later part may change while the first one stays
            newest = max(part.changed_ns for _, part in each.values())
            yield Found(name, path, size, state._replace(size=size, changed_ns=newest))


def _files(root: Path) -> Iterator[tuple[str, str, FileState]]:
    """Name without the ending, path and state of each GGUF file."""
    waiting, count = [(str(root), "", 0)], 0
    while waiting:
        directory, prefix, depth = waiting.pop()
        for entry in _entries(directory):
            count += 1
            if count > _MOST:
                return
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                if depth < _DEEPEST:
                    waiting.append((entry.path, name + "/", depth + 1))
            elif entry.name.lower().endswith(_ENDING) and not _PART.search(entry.name):
                state = FileState.of(entry.path)
                if state is not None and state.size:
                    yield name[: -len(_ENDING)], entry.path, state


def _entries(directory: str) -> list[os.DirEntry[str]]:
    """What is in a directory and is not hidden, by names that are text; nothing where it is gone,
    or may not be read."""
    try:
        with os.scandir(directory) as entries:
            return [
                each for each in entries if not each.name.startswith(".") and _is_text(each.name)
            ]
    except OSError:
        return []


def _is_text(name: str) -> bool:
    """Whether a request and a line of a log can hold it: no bytes that are no characters, and no
    control characters."""
    return name.isprintable() or not any(category(each) in {"Cc", "Cs"} for each in name)


def _with_aliases(found: list[Found]) -> list[Found]:
    """Give each the shorter names that it alone has: its file's, its directory's."""
    own = {each.id for each in found}
    short = {each.id: _shorter(each.id) for each in found}
    counts = Counter(name for names in short.values() for name in names)
    return [
        replace(each, aliases=tuple(n for n in short[each.id] if counts[n] == 1 and n not in own))
        for each in found
    ]


def _shorter(name: str) -> tuple[str, ...]:
    path = PurePosixPath(name)
    if len(path.parts) == 1:
        return ()
    return tuple(dict.fromkeys((path.name, path.parent.name)))
