"""How far a download is: bars in a terminal, lines elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from colonnade.cli.console import say
from colonnade.cli.report import size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from colonnade.hub import FileProgress

_LINE_EACH_S = 30.0


class Shown:
    """Takes the progress of files, adds it up, and has it shown."""

    def __init__(self, show: Callable[[FileProgress], None]) -> None:
        self._show = show
        self._first: dict[str, int] = {}
        self._files: dict[str, FileProgress] = {}

    def tell(self, progress: FileProgress) -> None:
        """Take how much of a file is here; first for each file what was here before."""
        self._first.setdefault(progress.file, progress.done)
        self._files[progress.file] = progress
        self._show(progress)

    @property
    def done(self) -> int:
        """Bytes of all files that are here."""
        return sum(each.done for each in self._files.values())

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(each.total for each in self._files.values())

    @property
    def came(self) -> int:
        """Bytes that came while this was shown."""
        return max(self.done - sum(self._first.values()), 0)


@contextmanager
def showing(*, terminal: bool) -> Iterator[Shown]:
    """Show the progress of a download on stderr."""
    if not terminal:
        yield Shown(_Lines())
        return
    from colonnade.cli.pull.bars import bars

    with bars() as show:
        yield Shown(show)


class _Lines:
    """A line for each tenth of a file, and for each half minute of a slow one."""

    def __init__(self) -> None:
        self._files: dict[str, _Line] = {}

    def __call__(self, progress: FileProgress) -> None:
        now = time.monotonic()
        line = self._files.get(progress.file)
        if line is None:
            self._files[progress.file] = _Line(progress, now)
        elif progress.tenths > line.tenths or now - line.at >= _LINE_EACH_S:
            say(line.text(progress, now))
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
