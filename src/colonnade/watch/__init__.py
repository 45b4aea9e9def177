"""What is known of a request while it is served, and how it shows: log lines, histograms.

The lowest room: every other one may note something here. Standard library alone.
"""

from colonnade.watch.about import About, Answered, about
from colonnade.watch.histogram import Histogram
from colonnade.watch.lines import (
    ACCESS,
    configure_logs,
    described,
    hook_uncaught,
    log_loop_failure,
    safe,
    say_uncaught,
)
from colonnade.watch.units import size, three_digits

__all__ = [
    "ACCESS",
    "About",
    "Answered",
    "Histogram",
    "about",
    "configure_logs",
    "described",
    "hook_uncaught",
    "log_loop_failure",
    "safe",
    "say_uncaught",
    "size",
    "three_digits",
]
