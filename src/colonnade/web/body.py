"""From the bytes of a request body to its struct, in one strict pass.

Litestar would parse the JSON first and convert it leniently afterwards (``"5"`` for 5). Here the
body goes through msgspec's typed decoder once, and every complaint becomes a failure that names
the field. Doors whose clients always had it lenient say so with ``LenientRequest``.
"""

from __future__ import annotations

import codecs
import contextlib
import gc
import logging
import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request

from colonnade.messages import Failure, FailureKind
from colonnade.web.coding import CodingError, other_encoding, unpacked
from colonnade.web.weight import check_weight
from colonnade.web.whole import convert_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

_PLACES = (" - at `$", " - at key in `$")
"""What msgspec writes before the place that it complains of, last of all."""
_LONGEST = 500
"""Characters of a complaint that are shown: it may repeat a text that the client sent."""
_MISSING = re.compile(r"Object missing required field `(\w+)`")


_LARGE = 1 << 18
"""Bytes of a body."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")
_MOST_NAMES = 20


class BodyFailure(Failure):
    """A body that is not JSON, or not of its route's shape. ``complaint`` is msgspec's own."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        complaint: str = "",
        missing: bool = False,
        no_json: bool = False,
    ) -> None:
        super().__init__(FailureKind.INVALID_REQUEST, message, param=param)
        self.complaint = complaint
        self.missing = missing
        self.no_json = no_json


class WireRequest(Request[Any, Any, Any]):
    """A request whose JSON body is decoded as the type of the route's ``data``.

    The content type is not looked at: there is only one that makes sense, and clients forget it.
    """

    strict = True
    _plain: bytes | None = None

    async def body(self) -> bytes:
        """The body, unpacked and without a mark of its encoding. It must not be empty.

        Raises:
            Failure: there is none, it cannot be unpacked, or holds too much to be decoded.
            HTTPException: it is too large, or in a coding that is not read here.
        """
        if self._plain is None:
            most = self.route_handler.resolve_request_max_body_size() or math.inf
            try:
                body = await unpacked(await super().body(), self.scope["headers"], most)
            except CodingError as exc:
                msg = f"The request body is {exc}."
                raise BodyFailure(msg, no_json=True) from exc
            await check_weight(body)
            self._plain = body.removeprefix(codecs.BOM_UTF8)
        if not self._plain:
            msg = "The request has no body: a JSON object is expected."
            raise BodyFailure(msg, no_json=True)
        return self._plain

    async def json(self) -> Any:  # noqa: ANN401 - whatever the route asks for
        """The body as the route's own struct.

        Raises:
            Failure: it is not JSON, or not of that shape.
        """
        body = await self.body()
        field = self.route_handler.parsed_data_field
        wanted: Any = dict if field is None else field.annotation
        value = decode(body, wanted, strict=self.strict)
        if log.isEnabledFor(logging.DEBUG):
            _log_unknown(body, wanted)
        return value


class LenientRequest(WireRequest):
    """One whose numbers and truths may come as text (``"0.7"``), as pydantic takes them."""

    strict = False


def _log_unknown(body: bytes, wanted: Any) -> None:  # noqa: ANN401 - any type that msgspec knows
    with contextlib.suppress(BodyFailure):  # what is logged decides nothing
        if unknown := unknown_fields(body, wanted):
            log.debug("Ignored unknown fields: %s", _shown(unknown))


def _shown(names: list[str]) -> str:
    """Names for the log. Anything can be a key of an object: what is no name is not repeated."""
    shown = [name for name in names if _NAME.fullmatch(name)][:_MOST_NAMES]
    others = len(names) - len(shown)
    return ", ".join([*shown, *([f"{others} more"] if others else [])])


def decode(body: bytes | str, wanted: Any, *, strict: bool = True) -> Any:  # noqa: ANN401 - any type that msgspec knows
    """Decode a body.

    Raises:
        Failure: it is not JSON, or not of that shape.
    """
    try:
        return _decode(body, wanted, strict)
    except msgspec.ValidationError as exc:
        raise shape_failure(str(exc)) from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        encoding = None if isinstance(body, str) else other_encoding(body)
        reason = f"it is in {encoding}, but JSON is sent in UTF-8" if encoding else exc
        msg = f"The request body is not valid JSON: {reason}."
        raise BodyFailure(msg, no_json=True) from exc
    except RecursionError as exc:
        msg = "The request body is nested too deeply."
        raise BodyFailure(msg) from exc


def _decode(body: bytes | str, wanted: Any, strict: bool) -> Any:  # noqa: ANN401
    try:
        with _no_collecting(len(body)):
            return _decoder(wanted, strict).decode(body)
    except msgspec.ValidationError as exc:
        return convert_whole(body, wanted, exc)


@contextlib.contextmanager
def _no_collecting(size: int) -> Iterator[None]:
    """Look for no garbage while something large is built: there is none, and the search goes
    through all that is built, again and again, for several times as long as it takes to build."""
    if size < _LARGE or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def shape_failure(complaint: str) -> BodyFailure:
    """The failure behind one of msgspec's messages, such as "Expected `int` - at `$.n`"."""
    what, path = _at_place(complaint)
    # A key of an object shows as [...]: the field that holds the object is name enough.
    param = path.replace("[...]", "").lstrip(".")
    if missing := _MISSING.fullmatch(what):
        param = f"{param}.{missing[1]}".lstrip(".")
        return BodyFailure(f"{param!r} is required.", param=param, complaint=what, missing=True)
    subject = repr(param) if param else "The request body"
    return BodyFailure(f"{subject} is wrong: {what}.", param=param or None, complaint=what)


def _at_place(complaint: str) -> tuple[str, str]:
    """What is wrong, and where; the place is empty for the body itself."""
    what, path = complaint, ""
    for before in _PLACES:
        head, found, tail = complaint.rpartition(before)
        if found and tail.endswith("`"):
            what, path = head, tail[:-1]
            break
    return what if len(what) <= _LONGEST else f"{what[:_LONGEST]} ...", path


@lru_cache(maxsize=64)
def _decoder(wanted: Any, strict: bool) -> msgspec.json.Decoder[Any]:  # noqa: ANN401
    return msgspec.json.Decoder(wanted, strict=strict)


_names = msgspec.json.Decoder(dict[str, msgspec.Raw])
"""Looks at the names alone, and skips the values."""


def unknown_fields(body: bytes, wanted: Any) -> list[str]:  # noqa: ANN401 - any type that msgspec knows
    """The names in a body that are no fields of the struct that it was decoded as, sorted.

    Raises:
        Failure: one of them is not UTF-8, which is not looked at where a struct is decoded.
    """
    try:
        given = _names.decode(body)
    except UnicodeDecodeError as exc:
        msg = f"The request body is not valid JSON: {exc}."
        raise BodyFailure(msg, no_json=True) from exc
    return sorted(given.keys() - set(getattr(wanted, "__struct_fields__", given)))
