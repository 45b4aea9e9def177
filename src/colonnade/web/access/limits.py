"""How often one client may ask."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from colonnade.messages import Failure, FailureKind
from colonnade.web.access.callers import caller_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar.types import Scope

_STATE = "limit"
_WINDOW = 60.0


class RequestLimit:
    """Counts the requests of each client, in every minute anew. One for all ports.

    Litestar's own limit knows no messages on WebSockets.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._minute = -1
        self._counts: Counter[str] = Counter()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return self._most > 0

    def charge(self, client: str, cost: int) -> None:
        """Take what a request costs from its client's budget.

        Raises:
            Failure: the client has sent too many in this minute.
        """
        if not self:
            return
        now = self._clock()
        if now // _WINDOW != self._minute:
            self._minute = int(now // _WINDOW)
            self._counts.clear()
        self._counts[client] += cost
        if self._counts[client] > self._most:
            msg = f"This client has sent more than {self._most} requests in this minute."
            wait = _WINDOW - now % _WINDOW
            raise Failure(FailureKind.RATE_LIMITED, msg, retry_after=max(1.0, wait))


def remember_limit(scope: Scope, limit: RequestLimit) -> None:
    """Note which limit a connection is under."""
    scope.setdefault("state", {})[_STATE] = limit


def charge(scope: Scope, cost: int = 1) -> None:
    """Take more from the budget of who sent a request, over what its coming in has cost.

    Raises:
        Failure: the budget does not hold it.
    """
    limit: RequestLimit = scope["state"][_STATE]
    limit.charge(caller_of(scope).client, cost)
