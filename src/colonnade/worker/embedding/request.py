"""A request for embeddings, as the loop has it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple


class Wish(NamedTuple):
    """What is made of the rows: see ``messages.Embed``."""

    dimensions: int | None
    norm: float | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Inputs of a request whose tokens are known: all of them, or the next ones."""

    id: int
    client: str
    first: int
    """Which of the request's inputs the first one is."""
    count: int
    """Inputs of the whole request."""
    inputs: list[list[int]]
    wish: Wish
    submitted: float
    """When the request came, as ``time.perf_counter`` has it."""


@dataclass(slots=True, eq=False)
class Request:
    """One under way."""

    id: int
    client: str
    count: int
    wish: Wish
    submitted: float
    waiting: deque[list[int]] = field(default_factory=deque)
    """Tokens of the inputs that are there and not computed."""
    taken: int = 0
    """Inputs that are computed, or that are being computed."""
    tokens: int = 0
    """Of those that are computed."""
    started: float | None = None

    @property
    def whole(self) -> bool:
        """All inputs are computed."""
        return self.taken == self.count


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """An input that is computed next."""

    request: Request
    index: int
    """Which one of the request's."""
    tokens: list[int]
