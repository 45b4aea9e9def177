"""How much there is to build for a body of JSON, counted before anything is built.

Decoding holds the interpreter's lock. Text costs nearly nothing, whatever its length, but each
object, list and key is something of its own: a body of 32 MB can hold ten million of them, which
takes seconds. They are counted a slice at a time, and others are served in between.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 2_000_000
"""What one body may weigh: a fifth of a second."""
_SLICE = 1 << 17
_WEIGHTS = {b"{": 10, b"[": 10, b":": 10, b",": 1}
"""A number or a text in a list costs little; an object, a list, a key costs ten times as much."""


async def check_weight(body: bytes, most: int = MOST) -> None:
    """Refuse a body of too many objects, lists, keys and values.

    Raises:
        Failure: invalid_request.
    """
    if len(body) * max(_WEIGHTS.values()) <= most:
        return
    for count in (_rough, _exact):
        total = 0
        for found in count(body):
            total += found
            if total > most:
                break
            await asyncio.sleep(0)
        if total <= most:
            return
    msg = "The request body holds too many objects, lists, keys and values."
    raise Failure(FailureKind.INVALID_REQUEST, msg)


def _rough(body: bytes) -> Iterator[int]:
    """At least the weight of each slice: what stands in texts is counted, too."""
    for start in range(0, len(body), _SLICE):
        end = start + _SLICE
        yield sum(body.count(each, start, end) * weight for each, weight in _WEIGHTS.items())


def _exact(body: bytes) -> Iterator[int]:
    """The weight of each slice of a body that is JSON."""
    start, quoted = 0, False
    while start < len(body):
        end = start + _SLICE
        end += _escaping(body[start:end])  # what is escaped belongs to what escapes it
        piece = body[start:end]
        if b"\\" in piece:
            piece = piece.replace(b"\\\\", b"").replace(b'\\"', b"")
        pieces = piece.split(b'"')
        outside = b" ".join(pieces[quoted::2])
        yield sum(outside.count(each) * weight for each, weight in _WEIGHTS.items())
        quoted ^= not len(pieces) % 2
        start = end


def _escaping(piece: bytes) -> int:
    """1 where the last byte escapes the one behind it, else 0. What begins here is escaped by
    nothing."""
    return (len(piece) - len(piece.rstrip(b"\\"))) % 2
