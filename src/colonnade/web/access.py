"""Who may come in, and how often. Probes and the documentation are open to all."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.middleware.rate_limit import RateLimitConfig, get_remote_address

from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from litestar import Request
    from litestar.types import ASGIApp, Receive, Scope, Send

_OPEN = ("^/$", "^/health$", "^/ready$", "^/docs$", "^/redoc$", "^/openapi.json$", "^/schema")


class ApiKeys(ASGIMiddleware):
    """Lets in who has a key: ``Authorization: Bearer KEY``, ``x-api-key``, or, for a WebSocket of a
    browser, which can send neither, ``?api_key=KEY``."""

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)
    exclude_path_pattern = _OPEN

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [key.encode() for key in keys]

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Let the request through.

        Raises:
            Failure: it carries no key of this server.
        """
        if scope.get("method") != "OPTIONS" and not any(map(self._known, _given(scope))):
            msg = "A key of this server is needed: Authorization: Bearer KEY."
            raise Failure(FailureKind.UNAUTHORIZED, msg)
        await next_app(scope, receive, send)

    def _known(self, given: bytes) -> bool:
        """Whether it is a key; how long that takes tells nothing of how near it is to one."""
        return sum(hmac.compare_digest(given, key) for key in self._keys) > 0


def _given(scope: Scope) -> Iterator[bytes]:
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, key = value.partition(b" ")
            if scheme.lower() == b"bearer":
                yield key.strip()
        elif name == b"x-api-key":
            yield value
    if scope["type"] == ScopeType.WEBSOCKET:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        yield from (key.encode() for key in query.get("api_key", ()))


def rate_limit(requests_a_minute: int) -> RateLimitConfig:
    """Litestar's limit, for each address or, where one is given, for each key."""
    return RateLimitConfig(
        rate_limit=("minute", requests_a_minute),
        exclude=[*_OPEN, "^/metrics$"],
        identifier_for_request=_client,
    )


def _client(request: Request[Any, Any, Any]) -> str:
    return next(_given(request.scope), b"").decode("latin-1") or get_remote_address(request)
