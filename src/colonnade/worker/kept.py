"""States that outlive their worker: written to a file in memory, and found there by a later worker.

The file begins with a page that says where its index is, written last. Each state begins a page,
so that the file's memory can be given back state by state. Whatever in it is not as it was written
is not used: llama.cpp gets no state whose checksum is another.
"""

from __future__ import annotations

import logging
import mmap
import os
import struct
import time
import weakref
import zlib
from array import array
from typing import TYPE_CHECKING

import msgspec

from colonnade.messages import AdapterSet, Retired

if TYPE_CHECKING:
    from collections.abc import Iterable

    from colonnade.messages import Retire
    from colonnade.worker.ports import State
    from colonnade.worker.states import Offer, SavedState, StateCache

_HEAD = struct.Struct("<8sQQI")
"""The mark, the index's place and size in bytes, and its checksum."""

_MARK = b"colkept2"
"""The last character is the format's version."""

_PAGE = mmap.ALLOCATIONGRANULARITY

_AT_ONCE = 64 << 20
"""Bytes of one call to write: a system takes no more than 2 GiB."""

_LARGEST_INDEX = 256 << 20

_REMOVE: int | None = getattr(mmap, "MADV_REMOVE", None)
"""Gives a part of a file's memory back; not every system can."""

_log = logging.getLogger(__name__)


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    tokens: bytes
    """As 64-bit numbers of this machine; those below 0 stand for pictures (``worker/spans.py``)."""
    at: int
    size: int
    checksum: int
    adapters: AdapterSet
    """What it was read with."""


class _Index(msgspec.Struct, frozen=True, array_like=True):
    build: str
    """Whose states these are: llama.cpp's library, and the shape of the context."""
    entries: tuple[_Entry, ...]
    """The one used last comes first."""


class Keeper:
    """Writes a worker's states to the file that its server gave it."""

    def __init__(self, descriptor: int, build: str) -> None:
        self._descriptor = descriptor
        self._build = build

    def __call__(self, offers: Iterable[Offer], retire: Retire) -> Retired:
        """Keep as many as there is room and time for, the first ones first. Each one is freed once
        it is written, so that memory need not hold them twice."""
        until = time.monotonic() + retire.seconds
        entries: list[_Entry] = []
        end = _PAGE
        try:
            for offer in offers:
                if time.monotonic() > until:
                    break
                if end + _pages(offer.size) > retire.most_bytes:
                    continue
                entry = self._write(offer.take(), end)
                if entry is not None:
                    entries.append(entry)
                    end += _pages(entry.size)
            self._finish(_Index(self._build, tuple(entries)), end)
        except OSError as error:  # no memory: what is there is of no use without its head
            _log.warning("states could not be kept: %s", error)
            return Retired(0, 0)
        return Retired(end, len(entries))

    def _write(self, saved: SavedState, at: int) -> _Entry | None:
        """Write a state; None where it was damaged before."""
        state, size = saved.state, len(saved.state)
        checksum = zlib.crc32(state)
        if saved.checksum in (None, checksum):
            self._put(state, at)
        if isinstance(state, mmap.mmap):
            state.close()
        if saved.checksum not in (None, checksum):
            return None
        return _Entry(array("q", saved.tokens).tobytes(), at, size, checksum, saved.adapters)

    def _finish(self, index: _Index, at: int) -> None:
        text = msgspec.msgpack.encode(index)
        self._put(text, at)
        self._put(_HEAD.pack(_MARK, at, len(text), zlib.crc32(text)), 0)

    def _put(self, data: State | bytes, at: int) -> None:
        with memoryview(data) as view:
            done = 0
            while done < len(view):
                part = view[done : done + _AT_ONCE]
                done += os.pwrite(self._descriptor, part, at + done)


def adopt(
    descriptor: int, states: StateCache, *, build: str, ctx_size: int, vocab_size: int
) -> int:
    """Put what an earlier worker kept among the saved states; returns how many are there then.

    The file's memory is given back as states are dropped. What cannot be used is left out.
    """
    size = os.fstat(descriptor).st_size
    index = _read_index(descriptor, size)
    if index is None or index.build != build:
        if size:
            _log.warning("states of an earlier worker cannot be used: they are damaged, or another")
        return 0
    mapping = mmap.mmap(descriptor, size)
    for entry in reversed(index.entries):
        tokens = _tokens(entry, ctx_size, vocab_size)
        inside = entry.at % _PAGE == 0 and entry.at > 0 and 0 < entry.size <= size - entry.at
        if tokens is not None and inside:
            view = memoryview(mapping)[entry.at : entry.at + entry.size]
            weakref.finalize(view, _give_back, mapping, entry.at, entry.size).atexit = False
            states.put(tokens, view, entry.adapters, entry.checksum)
    return len(states)


def _read_index(descriptor: int, size: int) -> _Index | None:
    """The index, None where it is not as it was written."""
    head = os.pread(descriptor, _HEAD.size, 0)
    if len(head) < _HEAD.size:
        return None
    mark, at, length, checksum = _HEAD.unpack(head)
    if mark != _MARK or length > _LARGEST_INDEX or at + length > size:
        return None
    text = os.pread(descriptor, length, at)
    if zlib.crc32(text) != checksum:
        return None
    try:
        return msgspec.msgpack.decode(text, type=_Index)
    except msgspec.DecodeError:
        return None


def _tokens(entry: _Entry, ctx_size: int, vocab_size: int) -> list[int] | None:
    """A state's tokens, None where the model has no such."""
    tokens = array("q")
    if len(entry.tokens) % tokens.itemsize:
        return None
    tokens.frombytes(entry.tokens)
    if not 0 < len(tokens) <= ctx_size or max(tokens) >= vocab_size:
        return None
    return tokens.tolist()


def _give_back(mapping: mmap.mmap, at: int, size: int) -> None:
    """Let the system have the memory of a state that nobody needs any more."""
    if _REMOVE is not None:
        mapping.madvise(_REMOVE, at, _pages(size))


def _pages(size: int) -> int:
    """Bytes of the pages that so many bytes take."""
    return -(-size // _PAGE) * _PAGE
