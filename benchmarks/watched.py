"""A server whose event loop is watched, and what it says of itself."""

from __future__ import annotations

import re
from typing import Final

WATCHED: Final = ("--slow-callback-ms", "50", "--log-level", "warning")
"""Flags of a server that counts the callbacks of its event loop that take longer."""

_SLOW = 'colonnade_event_loop_slow_callbacks_total{cause="computing"}'
_LINE = re.compile(r"^(\w.*) (\S+)$", re.MULTILINE)


def numbers(metrics: str) -> dict[str, float]:
    """The values in ``/metrics``, by name and labels."""
    return {name: float(value) for name, value in _LINE.findall(metrics)}


def slow_callbacks(metrics: str) -> float:
    """How many callbacks have held the event loop for longer by their own computing."""
    return numbers(metrics)[_SLOW]
