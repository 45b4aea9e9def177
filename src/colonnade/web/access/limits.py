"""How much one client may ask for in a minute."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from colonnade.messages import Failure, FailureKind
from colonnade.web.access.callers import caller_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar.types import Scope

_STATE = "limit"
WINDOW = 60.0
_ROUNDING = 1e-3
"""Seconds more than it takes, which rounding may make too few."""
_GRAIN = 1.0
"""Seconds of requests that are remembered as one, and forgotten as one."""
INPUTS = 64
"""Texts to embed, or to score, that cost as much as an answer: about a step of the model."""
MOST_CLIENTS = 10_000
"""That are remembered; who was away for longest is forgotten first."""


class _Spending:
    """What a client has asked for in the last minute: when, and how much."""

    __slots__ = ("parts", "total")

    def __init__(self) -> None:
        self.parts: deque[tuple[float, float, int]] = deque()
        """From when to when, and how much; the oldest first."""
        self.total = 0

    def add(self, now: float, cost: int) -> None:
        began = now
        if self.parts and now - self.parts[-1][0] < _GRAIN:
            began, _, before = self.parts.pop()
            self.total -= before
            cost += before
        self.parts.append((began, now, cost))
        self.total += cost

    def forget(self, now: float) -> None:
        while self.parts and now - self.parts[0][1] >= WINDOW:
            self.total -= self.parts.popleft()[2]

    def wait(self, now: float, room: int) -> float:
        """Seconds until there is so much less of it."""
        for _, ended, cost in self.parts:
            room -= cost
            if room <= 0:
                return max(0.0, ended + WINDOW - now) + _ROUNDING
        return 0.0


class RequestLimit:
    """So many answers a minute for each client: never more in any sixty seconds, wherever they
    begin. One for all ports.

    The library `limits` counts by fixed windows, estimates between two of them, or keeps every
    request; none of these bounds the number of clients, and a thread sweeps them.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._clients: OrderedDict[str, _Spending] = OrderedDict()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return self._most > 0

    def __len__(self) -> int:
        """The clients that are remembered."""
        return len(self._clients)

    def charge(self, client: str, cost: int = 1, *, paid: int = 0) -> None:
        """Take what a request costs from its client's budget.

        ``paid`` of it was taken before, and stays so where the rest is refused.

        Raises:
            Failure: the budget does not hold it now, or never will.
        """
        if not self:
            return
        if cost > self._most:
            msg = f"This request asks for {cost} answers; a client may have {self._most} a minute."
            raise Failure(FailureKind.UNSUPPORTED, msg, param="n")
        now = self._clock()
        spending = self._spending(client, now)
        if spending.total + cost - paid <= self._most:
            spending.add(now, cost - paid)
            return
        msg = f"This client may ask {self._most} times a minute, each answer counted by itself."
        wait = spending.wait(now, spending.total + cost - self._most)
        raise Failure(FailureKind.RATE_LIMITED, msg, retry_after=wait)

    def _spending(self, client: str, now: float) -> _Spending:
        found = self._clients.setdefault(client, _Spending())
        self._clients.move_to_end(client)
        found.forget(now)
        if len(self._clients) > MOST_CLIENTS:
            self._clients.popitem(last=False)
        return found


def remember_limit(scope: Scope, limit: RequestLimit) -> None:
    """Note which limit a connection is under."""
    scope.setdefault("state", {})[_STATE] = limit


def charge(scope: Scope) -> None:
    """Charge who sent a request for one answer.

    Raises:
        Failure: their budget does not hold it.
    """
    _limit(scope).charge(caller_of(scope).client)


def charge_answers(scope: Scope, answers: int) -> None:
    """Charge who sent a request for all answers that it asks for; one was charged as it came in.

    Raises:
        Failure: their budget does not hold them.
    """
    _limit(scope).charge(caller_of(scope).client, answers, paid=1)


def charge_inputs(scope: Scope, inputs: int) -> None:
    """Charge who sent a request for texts to be embedded or scored: as for one answer for every
    ``INPUTS`` of them, begun ones included; one was charged as it came in.

    Raises:
        Failure: their budget does not hold them.
    """
    charge_answers(scope, -(-inputs // INPUTS))


def _limit(scope: Scope) -> RequestLimit:
    limit: RequestLimit = scope["state"][_STATE]
    return limit
