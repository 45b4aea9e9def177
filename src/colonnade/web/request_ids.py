"""Every response carries the id of its request and the time it took to answer.

The outermost layer of the application, so that it sees what no route has seen: unknown paths,
wrong methods, preflights.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, cast

from litestar.enums import ScopeType

from colonnade.watch import About, about
from colonnade.web.observed import WEBSOCKET, ended

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

    Wrap = Callable[[Send], Send]

_SANE = re.compile(rb"[\x21-\x7e]{1,128}")
_SWITCHING, _FORBIDDEN = 101, 403


class RequestIds:
    """Wraps an application: ``x-request-id`` and ``openai-processing-ms`` on every response.

    A client's own id is kept if it is sane. ``scope["state"]["request_id"]`` has it, and ``about``,
    which lines of the log show.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection. A WebSocket gets an id for the log alone."""
        begin = _BEGIN.get(scope["type"])
        if begin is None:
            await self._app(scope, receive, send)
        else:
            await self._observe(scope, receive, send, *begin(scope))

    async def _observe(
        self, scope: Scope, receive: Receive, send: Send, found: About, wrap: Wrap
    ) -> None:
        scope.setdefault("state", {})["request_id"] = found.id
        token = about.set(found)
        try:
            await self._app(scope, receive, wrap(send))
        finally:
            about.reset(token)
            ended(found, scope["path"])


def _of_http(scope: Scope) -> tuple[About, Wrap]:
    headers = dict(scope["headers"])
    given = headers.get(b"x-request-id", b"")
    request_id = given if _SANE.fullmatch(given) else b"req_" + secrets.token_hex(16).encode()
    found = About(request_id.decode(), method=cast("HTTPScope", scope)["method"])
    found.parent = headers.get(b"traceparent", b"").decode("latin-1")

    def wrap(send: Send) -> Send:
        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                found.status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id),
                    (b"openai-processing-ms", b"%d" % round(found.seconds * 1000)),
                ]
            await send(message)

        return send_with_id

    return found, wrap


def _of_websocket(_: Scope) -> tuple[About, Wrap]:
    """Notes what becomes of the handshake."""
    found = About("ws_" + secrets.token_hex(16), method=WEBSOCKET)

    def wrap(send: Send) -> Send:
        async def send_noted(message: Message) -> None:
            if not found.status:
                match message["type"]:
                    case "websocket.accept":
                        found.status = _SWITCHING
                    case "websocket.close":
                        found.status = _FORBIDDEN
                    case "websocket.http.response.start":
                        found.status = message["status"]
            await send(message)

        return send_noted

    return found, wrap


_BEGIN: Mapping[str, Callable[[Scope], tuple[About, Wrap]]] = {
    ScopeType.HTTP: _of_http,
    ScopeType.WEBSOCKET: _of_websocket,
}
