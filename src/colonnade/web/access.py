"""Who may come in, and how often. Probes and the documentation are open to all."""

from __future__ import annotations

import hmac
import time
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware

from colonnade.generation import asking
from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from litestar.types import ASGIApp, Receive, Scope, Send

_OPEN = ("^/$", "^/health$", "^/ready$", "^/docs$", "^/redoc$", "^/openapi.json$", "^/schema")
_WINDOW = 60.0


class Keys:
    """The keys of the server; without any, all may come in."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [key.encode() for key in keys]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._keys)

    def of(self, scope: Scope) -> bytes | None:
        """The key of the server that a request carries: ``Authorization: Bearer KEY``,
        ``x-api-key``, or, for a WebSocket of a browser, which can send neither, ``?api_key=KEY``.
        """
        return next((key for given in _given(scope) if (key := self._known(given))), None)

    def _known(self, given: bytes) -> bytes | None:
        """The key that was given; how long that takes tells nothing of how near it is to one."""
        found = [key for key in self._keys if hmac.compare_digest(given, key)]
        return found[0] if found else None


class RequestLimit:
    """Counts the requests of each client, in every minute anew. One for all ports.

    A client is a key of the server or, without one, an address. Litestar's own limit knows no
    messages on WebSockets.
    """

    def __init__(self, most: int, keys: Keys, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._keys = keys
        self._clock = clock
        self._minute = -1
        self._counts: Counter[bytes | str] = Counter()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return self._most > 0

    def check(self, scope: Scope) -> None:
        """Count a request.

        Raises:
            Failure: its client has sent too many in this minute.
        """
        if not self:
            return
        now = self._clock()
        if now // _WINDOW != self._minute:
            self._minute = int(now // _WINDOW)
            self._counts.clear()
        address = scope.get("client")
        client = self._keys.of(scope) or (address[0] if address else "")
        self._counts[client] += 1
        if self._counts[client] > self._most:
            msg = f"This client has sent more than {self._most} requests in this minute."
            wait = _WINDOW - now % _WINDOW
            raise Failure(FailureKind.RATE_LIMITED, msg, retry_after=max(1.0, wait))


class LimitMiddleware(ASGIMiddleware):
    """Counts what comes over HTTP; a WebSocket's requests are counted where they are read."""

    scopes = (ScopeType.HTTP,)
    exclude_path_pattern = (*_OPEN, "^/metrics$")

    def __init__(self, limit: RequestLimit) -> None:
        self._limit = limit

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Let the request through.

        Raises:
            Failure: its client has sent too many.
        """
        self._limit.check(scope)
        await next_app(scope, receive, send)


class KeysMiddleware(ASGIMiddleware):
    """Lets in who has a key."""

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)
    exclude_path_pattern = _OPEN

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Let the request through.

        Raises:
            Failure: it carries no key of this server.
        """
        key = self._keys.of(scope)
        if key is not None:
            asking.set(key.decode("latin-1"))
        elif scope.get("method") != "OPTIONS":
            msg = "A key of this server is needed: Authorization: Bearer KEY."
            raise Failure(FailureKind.UNAUTHORIZED, msg)
        await next_app(scope, receive, send)


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
