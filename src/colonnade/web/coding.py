"""Bodies that come packed, and in other encodings than JSON's UTF-8. Bounded in what it unpacks."""

from __future__ import annotations

import asyncio
import codecs
import zlib
from typing import TYPE_CHECKING, Final

from litestar.exceptions import ClientException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

if TYPE_CHECKING:
    from collections.abc import Iterable

CODINGS: Final = ("gzip", "deflate")
_STEP = 1 << 20
"""Bytes that are unpacked at a time."""
_GZIP, _ZLIB, _RAW = 31, 15, -15
"""How zlib's ``wbits`` name what stands around the data (window of 32 KiB)."""
_SIGNS = (
    # The longer ones first: UTF-32's begins as UTF-16's does.
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


class CodingError(Exception):
    """The body is not what its coding says; the message says what is wrong with it."""


async def unpacked(body: bytes, headers: Iterable[tuple[bytes, bytes]], most: float) -> bytes:
    """The body as it was before its ``Content-Encoding``. Unpacks in a thread.

    Raises:
        CodingError: it is not in that coding.
        ClientException: the coding is none of ``CODINGS`` (415).
        RequestEntityTooLarge: it has more than ``most`` bytes.
    """
    given = b",".join(value for name, value in headers if name == b"content-encoding")
    names = [name.strip().lower() for name in given.decode("latin-1").split(",")]
    names = [name for name in names if name not in {"", "identity"}]
    if not names:
        return body
    if len(names) > 1 or names[0].removeprefix("x-") not in CODINGS:
        given_names, known = ", ".join(names)[:100], " or ".join(CODINGS)
        raise ClientException(
            f"A body in Content-Encoding {given_names!r} is not read here, only one in {known}",
            status_code=415,
            headers={"accept-encoding": ", ".join(CODINGS)},
        )
    return await asyncio.to_thread(unpack, body, names[0].removeprefix("x-"), most)


def unpack(body: bytes, coding: str, most: float) -> bytes:
    """Unpack ``gzip`` (RFC 1952) or ``deflate`` (RFC 1950, and bare RFC 1951, which some send).

    Raises:
        CodingError: the body is not in that coding, ends before its end or goes on behind it.
        RequestEntityTooLarge: it unpacks to more than ``most`` bytes; no more than that is held.
    """
    decoder = zlib.decompressobj(_wbits(body, coding))
    parts: list[bytes] = []
    size = 0
    rest = body
    while not decoder.eof:
        try:
            part = decoder.decompress(rest, _STEP)
        except zlib.error as error:
            msg = f"not valid {coding}: {error}"
            raise CodingError(msg) from error
        rest = decoder.unconsumed_tail
        size += len(part)
        if size > most:
            raise RequestEntityTooLarge
        if not part and not rest and not decoder.eof:
            msg = f"not valid {coding}: it ends too early"
            raise CodingError(msg)
        parts.append(part)
    if decoder.unused_data:
        # More members (RFC 1952, 2.2) come from no client, and millions of them take long.
        msg = f"not valid {coding}: something follows its end"
        raise CodingError(msg)
    return b"".join(parts)


def other_encoding(body: bytes) -> str | None:
    """The name of an encoding other than UTF-8 that the first bytes show, for JSON in it."""
    for sign, name in _SIGNS:
        if body.startswith(sign):
            return name
    match [byte == 0 for byte in body[:4]]:
        case [True, True, True, False] | [False, True, True, True]:
            return "UTF-32"
        case [True, False, *_] | [False, True, *_]:  # JSON begins with a character of ASCII
            return "UTF-16"
    return None


def _wbits(body: bytes, coding: str) -> int:
    if coding == "gzip":
        return _GZIP
    # A header of zlib: method 8, and a number that 31 divides.
    has_header = body[:1] != b"" and body[0] & 15 == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    return _ZLIB if has_header else _RAW
