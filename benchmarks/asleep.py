"""Threads of llama.cpp that wait asleep, as the server sets it for its workers."""

from __future__ import annotations

import os
import sys

_POLICY = "OMP_WAIT_POLICY"


def wait_asleep(module: str) -> None:
    """Start this benchmark again with the setting, unless there is one: OpenMP reads it when it
    is loaded, and threads that spin make every time beside a busy neighbour a lie."""
    if _POLICY not in os.environ:
        os.environ[_POLICY] = "passive"
        os.execv(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]])  # noqa: S606
