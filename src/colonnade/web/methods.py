"""HEAD and OPTIONS, of which Litestar does less. Layers around an application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from litestar.enums import ScopeType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar.types import ASGIApp, Message, Receive, Scope, Send


def head_as_get(app: ASGIApp) -> ASGIApp:
    """Route HEAD as GET, for Litestar does not; the HTTP server leaves out the body."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and scope["method"] == "HEAD":
            scope = cast("Scope", {**scope, "method": "GET"})
        await app(scope, receive, send)

    return serve


def whole_allow(app: ASGIApp, methods: Mapping[str, set[str]]) -> ASGIApp:
    """Let ``Allow`` name every method. ``methods`` has those of each path, as routes write it.

    Litestar's answer to OPTIONS knows only those of the first function of a path.
    """

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_whole(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    (name, _whole(value, scope, methods) if name == b"allow" else value)
                    for name, value in message.get("headers", ())
                ]
            await send(message)

        await app(scope, receive, send_whole if scope["type"] == ScopeType.HTTP else send)

    return serve


def _whole(value: bytes, scope: Scope, methods: Mapping[str, set[str]]) -> bytes:
    named = {name.strip() for name in value.decode("latin-1").split(",")}
    named |= methods.get(cast("dict[str, Any]", scope).get("path_template", ""), set())
    if "GET" in named:
        named.add("HEAD")
    return ", ".join(sorted(named)).encode()
