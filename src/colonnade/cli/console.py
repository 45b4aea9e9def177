"""What goes to the terminal and how: results to stdout, everything about the way to stderr.

Errors are one line, without traceback; a progress bar is for terminals, plain lines for files.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from colonnade.cli.errors import CommandError
from colonnade.hub.errors import ModelError
from colonnade.messages import Failure
from colonnade.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

_CONTROLS = {*range(0x20), *range(0x7F, 0xA0)} - set(map(ord, "\t\n\r"))
"""C0 and C1."""
_DIRECTIONS = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
"""Embeddings, overrides and isolates of Unicode's bidirectional algorithm."""
_ESCAPES = {code: f"\\u{code:04x}" for code in _CONTROLS | _DIRECTIONS} | {ord("\r"): ""}

INTERRUPTED = 130
"""The exit code of a command that was stopped by Ctrl-C before its work was done."""


def shown(text: str) -> str:
    """A text of somebody else's that a terminal shows and does not obey.

    A server, a model or a file may put control sequences into a text: to write elsewhere on the
    screen, to change its title or the clipboard, to hide what stands there. Each character of
    ECMA-48's control sets but line feed and tab, and each that turns the direction of a text,
    becomes its escape (as in JSON, which may be what is printed). Carriage returns are left out.
    """
    return text if text.isprintable() else text.translate(_ESCAPES)


def out(line: str = "") -> None:
    """Print a line of the result."""
    print(shown(line), flush=True)


_log = logging.getLogger("colonnade.cli")
_to_log = False


def say_in_log() -> None:
    """From here on, what is said goes to the log: its lines are for a program, all of them."""
    global _to_log
    _to_log = True


def say(line: str) -> None:
    """Print a line for whoever watches."""
    if _to_log:
        _log.info("%s", line)
        return
    with unread_is_lost(sys.stderr):
        print(shown(line), file=sys.stderr, flush=True)


@contextmanager
def unread_is_lost(stream: TextIO | None) -> Iterator[None]:
    """Whoever read ``stream`` may have left, as ``head -1`` does: what else it gets goes nowhere.

    For what is said along the way to something else, which must not end with it.
    """
    try:
        yield
    except BrokenPipeError:
        if stream is not None:
            # What the stream still holds is written once more when the process ends.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def any_text() -> None:
    """Let stdin and stdout carry whatever comes: what their encoding lacks becomes a mark.

    A pipe may hold bytes that are no text, and a model says what a terminal cannot show.
    """
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn the failures that a user can cause into one line and exit code 1."""
    try:
        yield
    except (CommandError, ModelError, SettingsError, Failure) as error:
        say("colonnade: " + " ".join(str(error).split()))
        raise SystemExit(1) from error
    except KeyboardInterrupt:
        say("Stopped.")
        raise SystemExit(INTERRUPTED) from None


@contextmanager
def loading(name: str) -> Iterator[Callable[[float], None]]:
    """Show how far a model is loaded; yields what takes the progress from 0 to 1."""
    if not sys.stderr.isatty():
        yield _lines(name)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("Loading {task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        # Square brackets in a file's name are no markup.
        task = progress.add_task(shown(name).replace("[", "\\["), total=1.0)
        yield lambda done: progress.update(task, completed=done)


def _lines(name: str) -> Callable[[float], None]:
    """A line for each quarter."""
    say(f"Loading {name}")
    shown = 0

    def show(done: float) -> None:
        nonlocal shown
        quarters = int(done * 4)
        if quarters > shown:
            shown = quarters
            say(f"Loading {name}: {quarters * 25}%")

    return show
