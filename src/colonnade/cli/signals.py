"""Ctrl-C and SIGTERM: the first asks to stop, the second does not ask."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Calls ``on_stop`` at the first signal; the second ends the process where it stands.

    The worker process ends by itself when its server is gone.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, on_stop: Callable[[], object]) -> None:
        self.on_stop = on_stop
        self.received: signal.Signals | None = None
        self._loop = loop

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that the signal ended."""
        return 128 + (self.received or signal.SIGINT)

    def __enter__(self) -> StopSignals:
        for each in _SIGNALS:
            self._loop.add_signal_handler(each, self._receive, each)
        return self

    def __exit__(self, *_: object) -> None:
        for each in _SIGNALS:
            self._loop.remove_signal_handler(each)

    def _receive(self, received: signal.Signals) -> None:
        if self.received is not None:
            os._exit(self.exit_code)
        self.received = received
        self.on_stop()
