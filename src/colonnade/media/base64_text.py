"""Base64 (RFC 4648), as JSON holds files in it: with or without a ``data:`` URL's head, lines and
padding."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from colonnade.media.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Iterator

STEP: Final = 1 << 19
"""Characters that are decoded at a time: half a millisecond."""
_HEAD = re.compile(r"data:([^,]{0,200}),", re.IGNORECASE)
_SPACE = " \t\r\n"
_QUANTUM = 4


def data_start(text: str) -> int:
    """Where the base64 of a text begins: at its start, or behind the head of a ``data:`` URL, whose
    type is not looked at, for the file tells its own.

    Raises:
        MediaError: the URL is not in base64.
    """
    if text[:5].lower() != "data:":
        return 0
    found = _HEAD.match(text)
    if found is None or found[1].rpartition(";")[2].strip().lower() != "base64":
        raise MediaError("is a data: URL that is not in base64")
    return found.end()


def decoded_size(text: str, start: int) -> int:
    """At most so many bytes come of it."""
    return (len(text) - start + 3) // _QUANTUM * 3


def decoded_parts(text: str, start: int) -> Iterator[bytes]:
    """What it holds, a part for each ``STEP`` characters.

    Raises:
        MediaError: it is no base64.
    """
    rest = ""
    for at in range(start, len(text), STEP):
        piece = text[at : at + STEP]
        if rest or not _is_plain(piece):
            piece = rest + "".join(piece.split())
        whole = len(piece) - len(piece) % _QUANTUM
        piece, rest = piece[:whole], piece[whole:]
        if piece.endswith("=") and (rest or text[at + STEP :].strip()):
            raise _no_base64()
        yield _decoded(piece)
    yield _decoded(rest + "=" * (-len(rest) % _QUANTUM))


def _is_plain(piece: str) -> bool:
    """Whether there is nothing to be taken out of it, which is nearly always so."""
    return not any(each in piece for each in _SPACE)


def _decoded(piece: str) -> bytes:
    try:
        return msgspec.convert(piece, bytes)
    except msgspec.ValidationError as error:
        raise _no_base64() from error


def _no_base64() -> MediaError:
    return MediaError("is no valid base64")
