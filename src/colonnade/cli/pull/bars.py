"""A bar for each file, in a terminal."""

from __future__ import annotations

import sys
import termios
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from colonnade.cli.console import shown
from colonnade.cli.report import size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Task, TaskID

    from colonnade.hub import FileProgress

_LONGEST_NAME = 48


class _Rate(ProgressColumn):
    """Bytes in a second, in the units of the column beside it."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{size(int(speed))}/s", style="progress.data.speed")


@contextmanager
def bars() -> Iterator[Callable[[FileProgress], None]]:
    """Show bars on stderr; yields what takes the progress of files."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        DownloadColumn(binary_units=True),
        _Rate(),
        TimeRemainingColumn(compact=True),
    )
    tasks: dict[str, TaskID] = {}
    with _keys_unseen(), Progress(*columns, console=Console(stderr=True), expand=True) as progress:

        def show(now: FileProgress) -> None:
            if now.file in tasks:
                progress.update(tasks[now.file], completed=now.done)
            elif now.done < now.total:  # what is here already is no part of the rate
                name = _short(now.file)
                task = progress.add_task(name, total=now.total, completed=now.done)
                tasks[now.file] = task

        yield show


@contextmanager
def _keys_unseen() -> Iterator[None]:
    """A terminal that shows no ``^C`` and the like, which would move the bars by a line."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    now = termios.tcgetattr(sys.stdin)
    now[3] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSANOW, now)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


def _short(name: str) -> str:
    """A file's name without its directory, and no longer than a bar has room for beside it."""
    name = shown(name.rpartition("/")[2])
    return name if len(name) <= _LONGEST_NAME else f"{name[:20]}…{name[21 - _LONGEST_NAME :]}"
