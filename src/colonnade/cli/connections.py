"""All connections of all doors: how many there may be, who has to go, and until when each may wait.

A connection that waits for its client costs a descriptor and gives nothing. So when all places are
taken, a new one gets the place of the one that has waited for longest; and where all are at work,
some places more are kept for those who only ask how the server is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from colonnade.watch.connections import CONNECTION_COUNTS, CutOff

if TYPE_CHECKING:
    from colonnade.settings import ConnectionSettings

_SPARE: Final = 16
"""Places beyond the bound: for probes, and for saying to others that there is no place."""
_SILENT: Final = 30.0
"""Seconds after which a WebSocket on which nothing went may be ended for somebody else."""
_EVERY: Final = 1.0
"""Seconds between two looks at who has waited for too long."""
_SELDOM: Final = 60.0
"""Seconds between two lines in the log about full places."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client is waited for. Seconds, and bytes a second."""

    head: float
    body: float
    sending: float
    rate: int


class Connection(Protocol):
    """What the book knows of a connection."""

    address: str
    extra: CutOff | None
    """Why it has no place, where it has none: it serves probes alone."""
    deadline: float
    """``time.monotonic`` at which ``expire`` is called."""
    touched: float
    """When something went over it; kept of WebSockets."""

    def expire(self, now: float) -> None:
        """Its time is up."""

    def make_room(self) -> None:
        """Another one needs its place."""


class Connections:
    """The book of connections."""

    def __init__(self, patience: Patience, most: int, most_of_address: int = 0) -> None:
        self.patience = patience
        self._most = most
        self._most_of_address = most_of_address
        self._open: dict[Connection, None] = {}
        self._waiting: dict[Connection, None] = {}
        """Those that wait for their client, the longest first."""
        self._sockets: dict[Connection, None] = {}
        """WebSockets, the one first on which nothing went for longest."""
        self._of_address: Counter[str] = Counter()
        self._told = -_SELDOM
        CONNECTION_COUNTS.most = most

    @classmethod
    def of(cls, settings: ConnectionSettings, room: int) -> Connections:
        """As it is set, of at most so many as there is room for."""
        patience = Patience(
            settings.head_seconds,
            settings.body_seconds,
            settings.send_seconds,
            settings.least_rate,
        )
        most = min(settings.max_connections or room, room)
        return cls(patience, most, settings.max_connections_per_address)

    def opened(self, connection: Connection) -> bool:
        """Take a new one in; False: there is no place whatever for it."""
        connection.extra = self._find_place(connection.address)
        if connection.extra is not None and len(self._open) >= self._most + _SPARE:
            self.count(connection.extra)
            return False
        self._open[connection] = None
        self._of_address[connection.address] += 1
        CONNECTION_COUNTS.open = len(self._open)
        return True

    def closed(self, connection: Connection) -> None:
        """Forget one. It may be forgotten already."""
        if connection in self._open:
            del self._open[connection]
            self._of_address[connection.address] -= 1
            if not self._of_address[connection.address]:
                del self._of_address[connection.address]
        self._waiting.pop(connection, None)
        self._sockets.pop(connection, None)
        CONNECTION_COUNTS.open = len(self._open)

    def joins(self, successor: Connection) -> None:
        """A WebSocket has taken over the place of one that is closed."""
        self._open[successor] = None
        self._of_address[successor.address] += 1
        CONNECTION_COUNTS.open = len(self._open)
        self.touch(successor)

    def waits(self, connection: Connection) -> None:
        """It waits for its client from now on."""
        if connection in self._open:
            self._waiting[connection] = None

    def works(self, connection: Connection) -> None:
        """Its client waits for an answer now."""
        self._waiting.pop(connection, None)

    def touch(self, connection: Connection) -> None:
        """Something went over a WebSocket."""
        if connection not in self._open:
            return
        connection.touched = time.monotonic()
        self._sockets.pop(connection, None)
        self._sockets[connection] = None

    def still_no_place(self, connection: Connection) -> CutOff | None:
        """Why one that had no place has none yet."""
        if connection.extra is CutOff.ALL_BUSY and len(self._open) <= self._most:
            connection.extra = None
        if connection.extra is not None:
            self.count(connection.extra)
            self._tell()
        return connection.extra

    def count(self, why: CutOff) -> None:
        """Count one that is cut off."""
        CONNECTION_COUNTS.cut_off[why] += 1

    async def watch(self) -> None:
        """End those that wait for too long, for ever."""
        while True:
            await asyncio.sleep(_EVERY)
            self.look()

    def look(self) -> None:
        """End those that have waited for too long."""
        now = time.monotonic()
        for each in [each for each in self._open if each.deadline <= now]:
            each.expire(now)

    def _find_place(self, address: str) -> CutOff | None:
        """See to a place for one more; why there is none."""
        most = self._most_of_address
        if most and self._of_address[address] >= most and not self._make_room(address):
            return CutOff.ADDRESS
        while len(self._open) >= self._most:
            if self._make_room():
                continue
            if len(self._open) >= self._most + _SPARE:
                self._make_room(extra=True)
            return CutOff.ALL_BUSY
        return None

    def _make_room(self, address: str | None = None, *, extra: bool = False) -> bool:
        """End one that waits, or a silent WebSocket. Those without a place, which shall have a
        moment to ask, only with ``extra``."""
        silent = time.monotonic() - _SILENT
        for each in self._waiting:
            if address in (None, each.address) and (extra or each.extra is None):
                return self._end(each)
        for each in self._sockets:
            if each.touched < silent and address in (None, each.address):
                return self._end(each)
        return False

    def _end(self, connection: Connection) -> bool:
        self.count(CutOff.ROOM)
        self.closed(connection)
        connection.make_room()
        self._tell()
        return True

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told >= _SELDOM:
            self._told = now
            _log.warning("All %d places for connections are taken.", self._most)
