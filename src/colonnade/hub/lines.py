"""How far a download is, in lines: for logs and pipes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from colonnade.watch import size

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.hub.download import FileProgress

_LEAST_S, _MOST_S = 2.0, 30.0
"""Between two lines of a file."""


class ProgressLines:
    """A line for each tenth of a file, each half minute of a slow one; a quick one needs none."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._files: dict[str, _Line] = {}

    def __call__(self, progress: FileProgress) -> None:
        """Take how much of a file is here."""
        now = time.monotonic()
        line = self._files.get(progress.file)
        if line is None:
            self._files[progress.file] = _Line(progress, now)
        elif now - line.at >= (_LEAST_S if progress.tenths > line.tenths else _MOST_S):
            self._say(line.text(progress, now))
            line.tenths, line.at = progress.tenths, now


class _Line:
    """What was said last of a file."""

    def __init__(self, first: FileProgress, now: float) -> None:
        self._first, self._start = first, now
        self.tenths, self.at = first.tenths, now

    def text(self, progress: FileProgress, now: float) -> str:
        """How far it is, at which rate since the first, and how long the rest takes at that."""
        seconds = now - self._start
        rate = (progress.done - self._first.done) / seconds if seconds > 0 else 0.0
        parts = [f"{progress.file}: {size(progress.done)} of {size(progress.total)}"]
        if rate >= 1:
            parts.append(f"{size(int(rate))}/s")
            rest = round((progress.total - progress.done) / rate)
            if rest:
                parts.append(f"{rest // 60}:{rest % 60:02} left")
        return ", ".join(parts)
