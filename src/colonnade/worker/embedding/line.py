"""The inputs that wait: whose is computed next.

Clients take turns by the tokens that they have had, and the requests of a client by inputs, so that
a question does not wait for the end of a library.
"""

from __future__ import annotations

import heapq
import itertools
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from colonnade.worker.embedding.request import Item

if TYPE_CHECKING:
    from colonnade.worker.embedding.request import Request

_COST = 8
"""Tokens that an input counts for beside its own."""


class _Turn(NamedTuple):
    """When a client is next: the least comes first."""

    served: float
    number: int
    client: str


class Line:
    """Requests with inputs that wait, by client. Each operation takes the logarithm of the number
    of clients, at most."""

    def __init__(self) -> None:
        self._clients: dict[str, OrderedDict[int, Request]] = {}
        """By id, whose turn it is first. None of them empty."""
        self._turns: list[_Turn] = []
        """A heap with one turn of each client that is there; others are of those that have left."""
        self._turn: dict[str, _Turn] = {}
        self._clock = 0.0
        """What the client had had that was next last: who comes new begins there."""
        self._numbers = itertools.count()

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._clients)

    def add(self, request: Request) -> None:
        """Put a request with inputs that wait behind the others of its client. One that is here
        keeps its place."""
        requests = self._clients.get(request.client)
        if requests is None:
            requests = self._clients[request.client] = OrderedDict()
            self._note(request.client, self._clock)
        requests.setdefault(request.id, request)

    def remove(self, request: Request) -> None:
        """Take a request out, if it is here."""
        requests = self._clients.get(request.client)
        if requests is not None and requests.pop(request.id, None) is not None and not requests:
            del self._clients[request.client]
            del self._turn[request.client]

    def peek(self) -> list[int] | None:
        """The tokens of the next input; None where nothing waits."""
        turn = self._next()
        if turn is None:
            return None
        return next(iter(self._clients[turn.client].values())).waiting[0]

    def take(self) -> Item:
        """Take the next input. There is one."""
        turn = self._next()
        if turn is None:
            msg = "nothing waits"
            raise IndexError(msg)
        heapq.heappop(self._turns)
        requests = self._clients[turn.client]
        _, request = requests.popitem(last=False)
        item = Item(request, request.taken, request.waiting.popleft())
        request.taken += 1
        if request.waiting:
            requests[request.id] = request  # behind the others
        self._clock = turn.served
        if requests:
            self._note(turn.client, turn.served + len(item.tokens) + _COST)
        else:
            del self._clients[turn.client]
            del self._turn[turn.client]
        return item

    def _note(self, client: str, served: float) -> None:
        turn = _Turn(served, next(self._numbers), client)
        self._turn[client] = turn
        heapq.heappush(self._turns, turn)

    def _next(self) -> _Turn | None:
        while self._turns and self._turn.get(self._turns[0].client) is not self._turns[0]:
            heapq.heappop(self._turns)
        return self._turns[0] if self._turns else None
