"""Clients take turns: a queue of theirs, and one for threads."""

from __future__ import annotations

from collections import OrderedDict, deque
from threading import Condition
from typing import Generic, TypeVar

from colonnade.messages import Failure, FailureKind

T = TypeVar("T")


class Turns(Generic[T]):
    """Gives out one item of each client after the other, however many one of them has put in."""

    def __init__(self, most_of_one: int, most: int, full: str) -> None:
        """At most so many wait of one client, and of all together; ``full`` says what is wrong
        where there are as many."""
        self._most_of_one = most_of_one
        self._most = most
        self._full = full
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()
        self._count = 0

    def put(self, client: str, item: T) -> None:
        """Add an item of a client's.

        Raises:
            Failure: queue_full.
        """
        mine = self._waiting.get(client, ())
        if len(mine) >= self._most_of_one or self._count >= self._most:
            raise Failure(FailureKind.QUEUE_FULL, self._full, retry_after=1.0)
        self._waiting.setdefault(client, deque()).append(item)
        self._count += 1

    def take(self) -> T | None:
        """The next item; None where there is none."""
        if not self._waiting:
            return None
        client, items = self._waiting.popitem(last=False)
        item = items.popleft()
        if items:
            self._waiting[client] = items  # behind all others
        self._count -= 1
        return item

    def discard(self, client: str, item: T) -> bool:
        """Take out an item that nobody wants any more; whether it still waited."""
        items = self._waiting.get(client, deque())
        if item not in items:
            return False
        items.remove(item)
        self._count -= 1
        if not items:
            del self._waiting[client]
        return True


class FairQueue(Generic[T]):
    """Turns between threads."""

    def __init__(self, most_of_one: int, most: int, full: str) -> None:
        """As ``Turns`` has them."""
        self._turns: Turns[T] = Turns(most_of_one, most, full)
        self._changed = Condition()
        self._closed = False

    def put(self, client: str, item: T) -> None:
        """Add an item of a client's.

        Raises:
            Failure: queue_full.
        """
        with self._changed:
            self._turns.put(client, item)
            self._changed.notify()

    def get(self) -> T | None:
        """The next item, waited for; None once the queue is closed."""
        with self._changed:
            while not self._closed:
                if (item := self._turns.take()) is not None:
                    return item
                self._changed.wait()
        return None

    def discard(self, client: str, item: T) -> bool:
        """Take out an item that nobody wants any more; whether it still waited."""
        with self._changed:
            return self._turns.discard(client, item)

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
