"""Bodies of ``multipart/form-data`` (RFC 7578), which files are uploaded in.

The body is there, and bounded, before it is taken apart, so there is nothing to spool: the parts
are slices of it.
"""

from __future__ import annotations

import asyncio
import math
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from litestar import Request
from litestar.exceptions import ClientException

from colonnade.messages import Failure, FailureKind
from colonnade.web.coding import CodingError, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_PARTS: Final = 100
_MOST_HEAD = 4096
"""Bytes of a part's headers."""
_MOST_TEXT = 1 << 18
"""Bytes of a field that is no file."""
_STEP = 1 << 20
"""Bytes that are searched at a time."""
_TYPE = re.compile(r"multipart/form-data\s*;(.*)", re.IGNORECASE | re.DOTALL)
_BOUNDARY = re.compile(r"(?:^|;)\s*boundary=(?:\"([^\"]{1,70})\"|([^\s;\"]{1,70}))", re.IGNORECASE)
_DISPOSITION = re.compile(rb"content-disposition:[ \t]*form-data[ \t]*;([^\r\n]*)", re.IGNORECASE)
_PARAMETER = rb"(?:^|;)[ \t]*%s=(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;\"]+))"
_NAME = re.compile(_PARAMETER % b"name", re.IGNORECASE)
_FILE = re.compile(_PARAMETER % rb"filename\*?", re.IGNORECASE)


class FormRequest(Request[Any, Any, Any]):
    """A request whose body is a form, and no JSON."""

    async def form_parts(self) -> Form:
        """The form.

        Raises:
            Failure: the body is none that can be read.
            HTTPException: it is too large, or of another type or coding.
        """
        between = boundary(self.headers.get("content-type", ""))
        most = self.route_handler.resolve_request_max_body_size() or math.inf
        try:
            body = await unpacked(await self.body(), self.scope["headers"], most)
        except CodingError as error:
            raise _broken(f"it is {error}") from error
        return await read_form(body, between)


class Part(NamedTuple):
    """One field of a form."""

    name: str
    content: bytes
    is_file: bool


class Form:
    """The fields of a form, by their names."""

    def __init__(self, parts: list[Part]) -> None:
        self._parts = parts

    @property
    def names(self) -> list[str]:
        """All names, each once."""
        return list(dict.fromkeys(part.name for part in self._parts))

    def has_text(self, name: str) -> bool:
        """Whether any field of a name holds something."""
        return any(part.content for part in self._parts if part.name == name)

    def file(self, name: str) -> bytes:
        """The one file of a name.

        Raises:
            Failure: there is none, or are several, or it is no file.
        """
        found = self._one(name)
        if found is None:
            raise _invalid(f"{name!r} is required.", name)
        if not found.is_file:
            raise _invalid(f"{name!r} is a text, where a file is expected.", name)
        return found.content

    def text(self, name: str) -> str | None:
        """The one text of a name, None where there is none.

        Raises:
            Failure: there are several, or it is a file, or not UTF-8.
        """
        found = self._one(name)
        if found is None:
            return None
        if found.is_file:
            raise _invalid(f"{name!r} is a file, where a text is expected.", name)
        if len(found.content) > _MOST_TEXT:
            raise _invalid(f"{name!r} is longer than {_MOST_TEXT:,} bytes.", name)
        try:
            return found.content.decode()
        except UnicodeDecodeError as error:
            raise _invalid(f"{name!r} is not in UTF-8.", name) from error

    def _one(self, name: str) -> Part | None:
        found = [part for part in self._parts if part.name == name]
        if len(found) > 1:
            raise _invalid(f"{name!r} is there {len(found)} times.", name)
        return found[0] if found else None


def boundary(content_type: str) -> bytes:
    """What stands between the parts, by the request's ``Content-Type``.

    Raises:
        ClientException: it is none of a form with files (415).
        Failure: it does not say.
    """
    found = _TYPE.fullmatch(content_type.strip())
    if found is None:
        msg = "A form with a file is expected, Content-Type: multipart/form-data"
        raise ClientException(msg, status_code=415)
    given = _BOUNDARY.search(found[1])
    if given is None:
        raise _broken("its Content-Type tells no boundary")
    return (given[1] or given[2]).encode("latin-1")


async def read_form(body: bytes, between: bytes) -> Form:
    """Take a body apart. Others are served in between.

    Raises:
        Failure: it is no such form, or has too many fields.
    """
    delimiter = b"\r\n--" + between
    parts: list[Part] = []
    if body.startswith(delimiter[2:]):
        start = len(delimiter) - 2
    else:  # what stands before the first one is nothing
        start = await _find(body, delimiter, 0) + len(delimiter)
    while (kind := body[start : start + 2]) != b"--":
        if kind != b"\r\n":
            raise _broken("a boundary does not end its line")
        if len(parts) == MOST_PARTS:
            raise _broken(f"it has more than {MOST_PARTS} fields")
        end = await _find(body, delimiter, start)
        parts.append(_part(body, start + 2, end))
        start = end + len(delimiter)
    return Form(parts)


async def _find(body: bytes, delimiter: bytes, start: int) -> int:
    for at in range(start, len(body), _STEP):
        found = body.find(delimiter, at, at + _STEP + len(delimiter))
        if found >= 0:
            return found
        await asyncio.sleep(0)
    raise _broken("it ends before its last boundary")


def _part(body: bytes, start: int, end: int) -> Part:
    head_end = body.find(b"\r\n\r\n", start, min(end, start + _MOST_HEAD))
    if head_end < 0:
        raise _broken("the head of a field has no end")
    head = next(_dispositions(body[start:head_end]), b"")
    name = _parameter(_NAME, head)
    if name is None:
        raise _broken("a field has no name")
    is_file = _parameter(_FILE, head) is not None
    return Part(name, body[head_end + 4 : end], is_file)


def _dispositions(head: bytes) -> Iterator[bytes]:
    for line in head.split(b"\r\n"):
        if found := _DISPOSITION.fullmatch(line):
            yield found[1]


def _parameter(pattern: re.Pattern[bytes], head: bytes) -> str | None:
    found = pattern.search(head)
    if found is None:
        return None
    value: bytes = found[2] if found[1] is None else found[1]
    return re.sub(rb"\\(.)", rb"\1", value).decode("utf-8", "replace")


def _broken(what: str) -> Failure:
    return Failure(
        FailureKind.INVALID_REQUEST, f"The request body is no form that is read: {what}."
    )


def _invalid(message: str, param: str) -> Failure:
    return Failure(FailureKind.INVALID_REQUEST, message, param=param)
