"""What is counted of connections, for the metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class CutOff(StrEnum):
    """Why the server ended a connection that its client would have kept."""

    SLOW_HEAD = "slow_head"
    """The head of a request did not come in time."""
    SLOW_BODY = "slow_body"
    """A body did not come as fast as it must."""
    SLOW_READER = "slow_reader"
    """The client did not take its answer."""
    ROOM = "room"
    """It waited for its client for longest when another one needed its place."""
    ALL_BUSY = "all_busy"
    """It came when there was no place."""
    ADDRESS = "address"
    """Its address had as many as one may have."""


@dataclass(slots=True)
class ConnectionCounts:
    """Of all doors."""

    most: int = 0
    """Connections that there may be at a time."""
    open: int = 0
    cut_off: Counter[CutOff] = field(default_factory=Counter)


CONNECTION_COUNTS: Final = ConnectionCounts()
"""Of this process."""
