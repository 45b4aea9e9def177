"""What becomes of models, for whoever listens."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_BACKLOG = 1000
"""Events that wait for a listener. One that falls behind by more is told to read the list anew."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened to a model; ``*`` stands for all. Names are llama-server's."""

    model: str
    event: str
    """``model_status``, ``download_progress``, ``model_remove``, ``models_reload`` ..."""
    data: dict[str, Any] = field(default_factory=dict)


RELOAD = Event("*", "models_reload")
"""The list of models is another one now."""


class News:
    """Hands each event to all listeners."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[Event | None]] = set()
        self._closed = False

    def tell(self, event: Event) -> None:
        """Tell all."""
        for queue in self._listeners:
            if queue.qsize() >= _BACKLOG:
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(RELOAD)
            queue.put_nowait(event)

    def close(self) -> None:
        """Let all who listen go."""
        self._closed = True
        for queue in self._listeners:
            queue.put_nowait(None)

    @contextmanager
    def listening(self) -> Iterator[asyncio.Queue[Event | None]]:
        """What happens from now on; None is the end."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        if self._closed:
            queue.put_nowait(None)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)
