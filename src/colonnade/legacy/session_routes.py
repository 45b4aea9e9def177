"""The sessions of LLaMA chat: ``POST /chat/clear``, ``GET /sessions``."""

import base64
import binascii
import struct
from typing import Annotated, Any, Literal

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from msgspec import UNSET, Meta, Struct, UnsetType

from colonnade.legacy.errors import Service, documented
from colonnade.legacy.house import House
from colonnade.legacy.queries import query_operation, read_query
from colonnade.sessions import Place, Sessions
from colonnade.web.access import caller_of
from colonnade.web.body import LenientRequest, shape_failure
from colonnade.web.examples import json_body

SessionId = Annotated[str, Meta(max_length=256)]

_PAGE = 1000


class SessionName(Struct):
    """One session."""

    session_id: SessionId


class Cleared(Struct):
    """That a session is forgotten."""

    status: Literal["cleared"]
    session_id: str


class Page(Struct):
    """Which sessions to list: so many, behind those of the page before."""

    limit: Annotated[int, Meta(ge=1, le=_PAGE)] = _PAGE
    after: str | None = None


class SessionList(Struct):
    """The live sessions, the one used last first; ``count`` is the number of all.

    ``next`` is there where more follow: what ``after`` takes for the next page.
    """

    sessions: list[str]
    count: int
    next: str | UnsetType = UNSET


async def sessions_of(request: Request[Any, Any, Any], house: House) -> Sessions:
    """The sessions of whoever asks.

    Raises:
        SessionError: the database cannot be opened.
    """
    store = await house.sessions.open()
    return store.of(caller_of(request.scope).name)


@post(
    "/chat/clear",
    status_code=200,
    summary="Forget a session",
    response_description="It is forgotten.",
    responses=documented(Service.LLAMA_CHAT, 400, 404, 422, 429, 503, 507),
)
async def clear(
    data: Annotated[SessionName, json_body(session_id="my-session")],
    request: LenientRequest,
    house: NamedDependency[House],
) -> Cleared:
    """Forget what was said in a session."""
    own = await sessions_of(request, house)
    async with own.exclusive(data.session_id):
        known = await own.clear(data.session_id)
    if not known:
        raise HTTPException("Session not found", status_code=404)
    return Cleared("cleared", data.session_id)


@get(
    "/sessions",
    summary="List the sessions",
    response_description="The ids.",
    operation_class=query_operation(Page),
    responses=documented(Service.LLAMA_CHAT, 422, 503),
)
async def sessions(request: Request[Any, Any, Any], house: NamedDependency[House]) -> SessionList:
    """The ids of the live sessions, the one used last first."""
    wanted = read_query(request, Page)
    behind = None if wanted.after is None else _read(wanted.after)
    own = await sessions_of(request, house)
    places = await own.live(wanted.limit + 1, behind)
    page = places[: wanted.limit]
    more = _written(page[-1]) if len(places) > len(page) else UNSET
    return SessionList([place.id for place in page], await own.count(), more)


def _written(place: Place) -> str:
    """A place in the listing, as a client gives it back."""
    packed = struct.pack(">d", place.used) + place.id.encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(packed).decode()


def _read(text: str) -> Place:
    """The place that was written so.

    Raises:
        BodyFailure: none was.
    """
    try:
        packed = base64.b64decode(text, altchars=b"-_", validate=True)
        return Place(struct.unpack(">d", packed[:8])[0], packed[8:].decode("utf-8"))
    except (binascii.Error, ValueError, struct.error) as error:
        msg = "Expected `next` of the page before - at `$.after`"
        raise shape_failure(msg) from error


SESSION_ROUTES = (clear, sessions)
