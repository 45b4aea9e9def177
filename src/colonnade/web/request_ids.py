"""Every response carries the id of its request and the time it took to answer.

The outermost layer of the application, so that it sees what no route has seen: unknown paths,
wrong methods, preflights.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import TYPE_CHECKING

from litestar.enums import ScopeType

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

_SANE = re.compile(rb"[\x21-\x7e]{1,128}")


class RequestIds:
    """Wraps an application: ``x-request-id`` and ``openai-processing-ms`` on every response.

    A client's own id is kept if it is sane. ``scope["state"]["request_id"]`` has it for the logs.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection. A WebSocket gets an id for the log alone."""
        if scope["type"] != ScopeType.HTTP:
            if scope["type"] == ScopeType.WEBSOCKET:
                scope.setdefault("state", {})["request_id"] = "ws_" + secrets.token_hex(16)
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        request_id = given if _SANE.fullmatch(given) else b"req_" + secrets.token_hex(16).encode()
        scope.setdefault("state", {})["request_id"] = request_id.decode()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                took = round((time.perf_counter() - began) * 1000)
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id),
                    (b"openai-processing-ms", b"%d" % took),
                ]
            await send(message)

        await self._app(scope, receive, send_with_id)
