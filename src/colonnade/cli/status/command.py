"""Asks once, or again and again until Ctrl-C."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from colonnade.cli.console import out
from colonnade.cli.errors import CommandError
from colonnade.cli.status.source import Source

if TYPE_CHECKING:
    from colonnade.cli.status.source import Status


def status(url: str, api_key: str, *, as_json: bool, once: bool, interval: float) -> None:
    """Print a server's status. Where stdout is no terminal, once.

    Raises:
        CommandError: the server does not answer, or not to us.
    """
    source = Source(url, api_key)
    try:
        if as_json:
            out(source.read().as_json())
        elif once or not sys.stdout.isatty():
            _show(source, source.read())
        else:
            _watch(source, interval)
    finally:
        source.close()


def _show(source: Source, now: Status) -> None:
    from rich.console import Console

    from colonnade.cli.status.screen import screen

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    console.print(screen(source, now, None))


def _watch(source: Source, interval: float) -> None:
    """Show it until Ctrl-C. A server that goes away in between is waited for."""
    from rich.live import Live
    from rich.text import Text

    from colonnade.cli.status.screen import screen

    before: Status | None = None
    now = source.read()  # the first one must succeed
    with Live(screen(source, now, None), auto_refresh=False, screen=True) as live:
        while True:
            time.sleep(interval)
            try:
                before, now = now, source.read()
            except CommandError as error:
                live.update(Text(str(error)), refresh=True)
                continue
            live.update(screen(source, now, before), refresh=True)
