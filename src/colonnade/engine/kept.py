"""KV states of models that are swapped out: files in memory, found again when the model returns.

A worker writes what it knows of earlier prompts to the file that it was started with, and a later
one of the same model reads it (``worker/kept.py``). Here they are only held, and let go.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import re
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.messages import LoadModel

_WITHOUT_EFFECT = frozenset(
    {
        "cache_size", "check_room", "choose_wait", "draft_path", "hang_seconds", "huge_pages",
        "max_grammar_depth", "max_grammar_size", "memory", "mlock", "mmap", "prefill_step_ms",
        "speculate",
    }
)  # fmt: skip
"""What of a load has no part in its states. Whatever is not here is taken to have one."""

_SHARD = re.compile(r"-\d{5}-of-(\d{5})\.gguf\Z")
"""The end of the name of one file of several."""


class StatesFile:
    """A file in memory that no name leads to: it is there as long as a process has it open."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        """-1 once it is closed."""

    @classmethod
    def make(cls) -> StatesFile:
        """An empty one."""
        if hasattr(os, "memfd_create"):
            return cls(os.memfd_create("colonnade-states"))
        with tempfile.TemporaryFile() as file:
            return cls(os.dup(file.fileno()))

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return 0 if self.descriptor < 0 else os.fstat(self.descriptor).st_blocks * 512

    def move(self) -> StatesFile:
        """The same file under another owner; this one has it no longer."""
        moved = StatesFile(self.descriptor)
        self.descriptor = -1
        return moved

    def close(self) -> None:
        """Have no more to do with it; with the last process that has it open its memory goes."""
        if self.descriptor >= 0:
            os.close(self.move().descriptor)


class KeptStates:
    """Files of states by what they are states of, within so many bytes in all; the one that came
    first goes first. For the event loop's thread alone."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._files: OrderedDict[bytes, StatesFile] = OrderedDict()
        self._sizes: dict[bytes, int] = {}
        self.hits = 0
        """Models that found states of theirs when they came back."""

    def __len__(self) -> int:
        """Number of models whose states are here."""
        return len(self._files)

    @property
    def size(self) -> int:
        """Bytes that all of them take."""
        return sum(self._sizes.values())

    def put(self, mark: bytes, file: StatesFile) -> None:
        """Hold the states of a model, in place of others of it."""
        self._drop(mark)
        size = file.size
        if not mark or not size or size > self.limit:
            file.close()
            return
        while self.size + size > self.limit:
            self._drop(next(iter(self._files)))
        self._files[mark] = file
        self._sizes[mark] = size

    def take(self, mark: bytes) -> StatesFile | None:
        """The states of a model, which are the caller's then."""
        file = self._files.pop(mark, None)
        if file is not None:
            del self._sizes[mark]
            self.hits += 1
        return file

    def free(self, wanted: int) -> int:
        """Let go of what came first, until so many bytes are free or nothing is left; returns how
        many are."""
        before = self.size
        while self._files and before - self.size < wanted:
            self._drop(next(iter(self._files)))
        return before - self.size

    def close(self) -> None:
        """Let go of all."""
        for mark in list(self._files):
            self._drop(mark)

    def _drop(self, mark: bytes) -> None:
        file = self._files.pop(mark, None)
        if file is not None:
            del self._sizes[mark]
            file.close()


def mark_of(load: LoadModel, number: int = 0) -> bytes:
    """A digest of all that makes the states of a model what they are: its files, as they are now,
    the settings that have a part in them, the library, and the engine's ``number`` among several.
    Looks at files; empty where one is not there."""
    said = {
        name: getattr(load, name) for name in load.__struct_fields__ if name not in _WITHOUT_EFFECT
    }
    adapters = [path for path, _ in load.tuning.lora or ()]
    adapters += [path for _, path in load.adapters]
    paths = [load.path, *adapters, *filter(None, (load.projector_path,))]
    try:
        files = [_identity(part) for path in paths for part in _parts(Path(path))]
    except OSError:
        return b""
    text = msgspec.msgpack.encode((said, files, _library(), number))
    return hashlib.blake2b(text, digest_size=16).digest()


def _parts(path: Path) -> Iterator[Path]:
    """A model's files, where it is in several; else its one."""
    numbered = _SHARD.search(path.name)
    if numbered is None:
        yield path
        return
    name, count = path.name[: numbered.start()], numbered[1]
    for number in range(1, int(count) + 1):
        yield path.with_name(f"{name}-{number:05}-of-{count}.gguf")


def _identity(path: Path) -> tuple[str, int, int, int, int]:
    file = path.stat()
    return str(path.resolve()), file.st_dev, file.st_ino, file.st_size, file.st_mtime_ns


def _library() -> str:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version("llama-cpp-python")
    return ""
