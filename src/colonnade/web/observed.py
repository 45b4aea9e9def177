"""What the server sees of its requests from outside: routes, statuses, failures, times."""

from __future__ import annotations

import logging
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final, cast

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware

from colonnade.watch import ACCESS, Histogram, about

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar.types import ASGIApp, Receive, Scope, Send

    from colonnade.watch import About

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Bounds for how long a request takes."""

CLIENT_CLOSED_REQUEST: Final = 499
"""What stands for the status where the client went away before there was one."""

WEBSOCKET: Final = "WEBSOCKET"
"""What stands for the method of a WebSocket."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", WEBSOCKET})
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9._~/-]{0,99}")

_access = logging.getLogger(ACCESS)


def _of_seconds() -> Histogram:
    return Histogram(SECONDS)


class Counts:
    """What has been counted since the process began. The labels are our own words alone, so that
    no client can make more of them."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, str, int]] = Counter()
        """By door, route, method and status."""
        self.seconds: defaultdict[tuple[str, str], Histogram] = defaultdict(_of_seconds)
        """Until the end of the answer, by door and route."""
        self.failures: Counter[tuple[str, str]] = Counter()
        """By door and kind."""
        self.refused: Counter[tuple[str, int]] = Counter()
        """What never became a request, by the answer's code and status."""


LISTENERS: Final[list[Callable[[About], None]]] = []
"""What is told of each request that has ended, and of each piece of work that one has left."""

COUNTS: Final = Counts()
"""Of this process, as its memory is: whatever is served through whichever port."""


class Routed(ASGIMiddleware):
    """Notes which route a request came to; the first layer behind the router."""

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Let the request through."""
        found = about.get()
        if found is not None:
            found.door = str(scope["route_handler"].opt.get("door", ""))
            found.route = cast("dict[str, Any]", scope).get("path_template", "")
        await next_app(scope, receive, send)


def failed(kind: str) -> None:
    """Count a failure that the client of the present request is told of."""
    found = about.get()
    if found is not None:
        found.failure = kind
    COUNTS.failures["" if found is None else found.door, kind] += 1


def ended(found: About, path: str) -> None:
    """Count a request whose answer is complete, or given up, and log it where that is wished."""
    status = found.status or CLIENT_CLOSED_REQUEST
    method = found.method if found.method in _METHODS else "OTHER"
    COUNTS.requests[found.door, found.route, method, status] += 1
    COUNTS.seconds[found.door, found.route].observe(found.seconds)
    told_listeners(found)
    if _access.isEnabledFor(logging.INFO):
        _log(found, method, path, status)


def told_listeners(found: About) -> None:
    """Tell those who listen."""
    for listen in LISTENERS:
        listen(found)


def _log(found: About, method: str, path: str, status: int) -> None:
    tokens = {
        "prompt_tokens": sum(each.prompt_tokens for each in found.answers),
        "completion_tokens": sum(each.completion_tokens for each in found.answers),
    }
    route = found.route or _shown(path)
    fields = {"method": method, "route": route, "status": status}
    fields |= {"seconds": round(found.seconds, 4), **(tokens if found.answers else {})}
    text = "%s %s %d in %.3f s"
    if found.answers:
        text += f", {tokens['prompt_tokens']} + {tokens['completion_tokens']} tokens"
    extra = {"about": found, "fields": fields}
    _access.info(text, method, route, status, found.seconds, extra=extra)


def _shown(path: str) -> str:
    """A path that no route has. It may hold anything: only what looks like one is repeated."""
    return path if _PLAIN_PATH.fullmatch(path) else f"(a path of {len(path)} characters)"
