"""Threads of llama.cpp that wait as those of a worker do at first: they spin for a moment."""

from __future__ import annotations

import os
import sys

from colonnade.engine.process import WAITS


def wait_as_a_worker(module: str) -> None:
    """Start this benchmark again with the variables that a worker is started with, unless one is
    set: OpenMP reads them when it is loaded, and by default its threads spin for so long that a
    busy neighbour makes every time a lie."""
    if WAITS.keys().isdisjoint(os.environ):
        os.environ.update(WAITS)
        os.execv(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]])  # noqa: S606
