"""Embeddings on the wire: a body that is written piece by piece.

A request's embeddings may be millions of numbers. They are never one list: a few rows at a time are
turned into text, and others are served in between.
"""

from __future__ import annotations

import asyncio
import binascii
from array import array
from sys import byteorder
from typing import TYPE_CHECKING

import msgspec
from litestar import Response
from litestar.response import Stream

from colonnade.api.schema.embeddings import EmbeddingList, TextUsage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from typing import Any

    from colonnade.generation import Embedded

_SLICE = 1 << 16
"""Bytes of rows that are written before others have their turn."""

_LARGE = 1 << 20
"""Bytes of a body that is sent as it is, in pieces: to put it together would take time again."""

_JSON = "application/json"


async def embedding_answer(found: Embedded, *, as_base64: bool) -> Response[Any]:
    """The response to a request for embeddings."""
    pieces = [piece async for piece in _pieces(found, _base64 if as_base64 else _floats)]
    length = sum(map(len, pieces))
    if length < _LARGE:
        return Response(b"".join(pieces), media_type=_JSON)
    headers = {"content-length": str(length)}
    return Stream(iter(pieces), media_type=_JSON, headers=headers)


async def _pieces(found: Embedded, written: Callable[[bytes], bytes]) -> AsyncIterator[bytes]:
    rows = found.rows
    usage = TextUsage(prompt_tokens=rows.prompt_tokens, total_tokens=rows.prompt_tokens)
    empty = EmbeddingList(model=found.model, usage=usage, data=[])
    heading = msgspec.json.encode(empty)
    yield heading[: -len(b"]}")]
    most = max(1, _SLICE // rows.size)
    piece = bytearray()
    for index, row in enumerate(_each(rows.parts, rows.size)):
        piece += b',{"object":"embedding","index":%d,"embedding":' % index
        piece += written(row)
        piece += b"}"
        if index == 0:
            del piece[:1]
        if index % most == most - 1:
            yield bytes(piece)
            piece.clear()
            await asyncio.sleep(0)
    yield bytes(piece) + b"]}"


def _each(parts: list[bytes], size: int) -> Iterator[bytes]:
    """Row after row: each part holds whole ones."""
    for part in parts:
        for begin in range(0, len(part), size):
            yield part[begin : begin + size]


def _base64(row: bytes) -> bytes:
    return b'"' + binascii.b2a_base64(row, newline=False) + b'"'


def _floats(row: bytes) -> bytes:
    numbers = array("f", row)
    if byteorder == "big":
        numbers.byteswap()
    return msgspec.json.encode(numbers.tolist())
