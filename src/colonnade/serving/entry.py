"""A model that the registry knows, loaded or not."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.generation import ServedModel
    from colonnade.messages import FileFacts
    from colonnade.serving.files import FileState
    from colonnade.serving.loading import LoadPlan


class State(StrEnum):
    """Where a model is in its life."""

    AVAILABLE = "available"
    """Not loaded; a request may have it loaded."""
    DOWNLOADING = "downloading"
    LOADING = "loading"
    LOADED = "loaded"
    UNLOADING = "unloading"
    """It gets no new requests, and goes when those it has are done."""
    FAILED = "failed"
    """It could not be loaded the last time."""


class Origin(StrEnum):
    """How a model came to be known."""

    CHOSEN = "chosen"
    """The one on the command line, or the one that ``/load`` put in its place."""
    TABLE = "table"
    DIRECTORY = "directory"
    ALLOWED = "allowed"
    """A request named it, and the operator allows such names."""


@dataclass(eq=False)
class Entry:
    """A model, and what becomes of it. Times are of the monotonic clock but ``created``."""

    id: str
    origin: Origin
    plan: Callable[[], LoadPlan]
    """Finds its file; may read a disk, and raises ``ModelError``."""
    aliases: tuple[str, ...] = ()
    adapters: tuple[str, ...] = ()
    """Of it, by name: requests may choose one by the model's name."""
    pin: bool = False
    ttl: float = 0.0
    """Seconds that it stays loaded unused; 0 for ever."""
    preload: bool = False
    path: str = ""
    """The file, where it is known before it is loaded."""
    reference: str = ""
    """As MODEL is written, where it is no path: ``hf:OWNER/REPO``."""
    size: int = 0
    """Bytes of its files; 0 where that is not known."""
    created: int = field(default_factory=lambda: int(time.time()))
    """Seconds since the epoch."""
    state: State = State.AVAILABLE
    trouble: str = ""
    """Why it could not be loaded the last time."""
    failed_at: float = 0.0
    progress: float = 0.0
    """Of loading it, 0 to 1."""
    served: ServedModel | None = None
    file: FileState | None = None
    """Of what is loaded, or lies in the directory."""
    facts: FileFacts | None = None
    """What its file says of itself, once it has been looked at."""
    takes: int = 0
    """Bytes that it takes while it is loading or loaded."""
    loaded_at: float = 0.0
    waiting: int = 0
    """Requests that wait for it."""

    @property
    def busy(self) -> bool:
        """Whether anybody waits for it, or for an answer of it."""
        return self.waiting > 0 or (self.served is not None and self.served.busy)

    @property
    def last_used(self) -> float:
        """When it was used last."""
        return self.loaded_at if self.served is None else self.served.use.last

    @property
    def expired(self) -> bool:
        """Whether it has been unused for longer than it may."""
        if not self.ttl or self.pin or self.state is not State.LOADED or self.busy:
            return False
        return time.monotonic() - self.last_used > self.ttl
