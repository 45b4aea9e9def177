"""How far a download is: bars in a terminal, lines elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from colonnade.cli.console import say
from colonnade.hub import ProgressLines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from colonnade.hub import FileProgress


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
        yield Shown(ProgressLines(say))
        return
    from colonnade.cli.pull.bars import bars

    with bars() as show:
        yield Shown(show)
