"""Where the tokens of a slot stand for llama.cpp, where some of them are a picture's or a sound's.

Outside, a token stands at its number in the text. For llama.cpp a picture may take fewer positions
than it has embeddings, and what is in the memory of one can only be taken back as a whole.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_COUNT = struct.Struct("<I")
_RUN = struct.Struct("<IIII")


class _Known(NamedTuple):
    """A run of embeddings that a slot's memory holds, or a part of one from its beginning on."""

    start: int
    length: int
    positions: int
    still: bool
    """All of it stands at one position."""

    @property
    def end(self) -> int:
        return self.start + self.length


class Places:
    """Of one slot. What it is told is in the order of the text."""

    __slots__ = ("_runs",)

    def __init__(self) -> None:
        self._runs: list[_Known] = []

    def add(self, start: int, length: int, positions: int, *, still: bool) -> None:
        """Note a run of embeddings, when the first of them are read."""
        if not self._runs or self._runs[-1].start < start:
            self._runs.append(_Known(start, length, positions, still))

    def position(self, index: int) -> int:
        """Where a token of text stands, or a run that begins there; or what comes next."""
        moved = sum(run.length - run.positions for run in self._runs if run.end <= index)
        return index - moved

    def last(self, length: int) -> int:
        """The position of the last one of the first ``length`` tokens."""
        for run in self._runs:
            if run.start < length <= run.end:
                first = self.position(run.start)
                return first if run.still else first + length - 1 - run.start
        return self.position(length) - 1

    def edge(self, length: int) -> int:
        """The most of the first ``length`` tokens that end in no run."""
        return next((run.start for run in self._runs if run.start < length < run.end), length)

    def cut(self, length: int) -> None:
        """Only the first ``length`` tokens are left."""
        self._runs = [run for run in self._runs if run.start < length]

    def pack(self) -> bytes:
        """All of it, to be put behind a slot's state."""
        runs = b"".join(_RUN.pack(*run) for run in self._runs)
        return runs + _COUNT.pack(len(self._runs))

    @staticmethod
    def unpack(state: memoryview) -> tuple[Places, int]:
        """What stands at the end of a state, and how long the state is without it."""
        (count,) = _COUNT.unpack_from(state, len(state) - _COUNT.size)
        begin = len(state) - _COUNT.size - count * _RUN.size
        places = Places()
        for at in range(count):
            start, length, positions, still = _RUN.unpack_from(state, begin + at * _RUN.size)
            places.add(start, length, positions, still=bool(still))
        return places, begin
