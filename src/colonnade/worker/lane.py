"""A thread for requests that take long to be made ready."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.messages import Submit


class Lane:
    """Takes requests one after the other, one of each client in turn.

    What is cancelled while it waits is dropped at once. ``take`` looks at ``left`` as it goes on.
    """

    def __init__(self, take: Callable[[Submit], None], after: Callable[[int], None]) -> None:
        """``after`` is told the id of each request that was cancelled while it was taken, once
        that is over."""
        self._take = take
        self._after = after
        self._waiting: OrderedDict[str, OrderedDict[int, Submit]] = OrderedDict()
        """By client and id; none of them empty."""
        self._clients: dict[int, str] = {}
        """Whose they are."""
        self._changed = threading.Condition()
        self._taken: int | None = None
        self._left = False
        self._thread: threading.Thread | None = None

    def put(self, submit: Submit) -> None:
        """Add a request behind those of its client."""
        with self._changed:
            self._waiting.setdefault(submit.client, OrderedDict())[submit.id] = submit
            self._clients[submit.id] = submit.client
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="intake-slow", daemon=True)
                self._thread.start()
            self._changed.notify()

    def cancel(self, number: int) -> bool:
        """Drop a request; False where none of that id is here. One that is being taken is told."""
        with self._changed:
            if number == self._taken:
                self._left = True
                return True
            client = self._clients.pop(number, None)
            if client is None:
                return False
            requests = self._waiting[client]
            del requests[number]
            if not requests:
                del self._waiting[client]
            return True

    def left(self, number: int) -> bool:
        """Whether a request that is being taken was cancelled meanwhile."""
        return self._left and number == self._taken

    def _run(self) -> None:
        while True:
            submit = self._next()
            self._take(submit)
            number = submit.id
            del submit  # it would be kept until the next one comes
            with self._changed:
                left, self._left, self._taken = self._left, False, None
            if left:
                self._after(number)

    def _next(self) -> Submit:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            client, requests = self._waiting.popitem(last=False)
            number, submit = requests.popitem(last=False)
            if requests:
                self._waiting[client] = requests  # behind all others
            del self._clients[number]
            self._taken = number
            return submit
