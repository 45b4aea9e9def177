"""HEAD, OPTIONS and preflights, of which Litestar does less. Layers around an application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from litestar import Request
from litestar.enums import ScopeType

from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from litestar import Response
    from litestar.config.cors import CORSConfig
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


def told_preflights(
    app: ASGIApp, cors: CORSConfig, tell: Callable[[Request[Any, Any, Any], Failure], Response[Any]]
) -> ASGIApp:
    """Refuse preflights of other origins as everything else is refused; ``tell`` makes the answer.

    Litestar has a text for it. It allows every method and header here.
    """

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        origin = _origin(scope)
        if origin is None or cors.is_origin_allowed(origin):
            await app(scope, receive, send)
            return
        msg = (
            f"Pages of {origin[:200]!r} may not call this server: "
            "--cors-origins names those that may."
        )
        request = Request[Any, Any, Any](scope, receive, send)
        response = tell(request, Failure(FailureKind.UNSUPPORTED, msg))
        await response.to_asgi_response(None, request)(scope, receive, send)

    return serve


def _origin(scope: Scope) -> str | None:
    """The origin that a preflight comes from; None where the request is none."""
    if scope["type"] != ScopeType.HTTP or scope["method"] != "OPTIONS":
        return None
    return next(
        (value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"), None
    )
