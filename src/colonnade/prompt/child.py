"""What child processes have in common that compute on what strangers made.

Schemas come from clients and chat templates from model files, and some are made to be expensive:
computing on them in the server's own process would hold up its event loop, and a long call into C
would stop it. A child does one order after the other, within bounds of memory and of a processor's
time. What runs in Python is interrupted when time is up; what does not come back from C is ended by
the kernel a little later; and the server may end the process whenever it likes.

Orders come on standard input and outcomes go to what was standard output, each behind its length.
The process ends with its input, or with its parent.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import struct
import sys
from math import ceil
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from colonnade.orphans import die_with_parent
from colonnade.watch import hook_uncaught

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEAD = struct.Struct("<I")
"""The length of what follows, in bytes."""
_GRACE = 1.0
"""Seconds of a processor between the interruption and the end of the process."""


class TimeIsUpError(BaseException):
    """Not an ``Exception``, which what is interrupted might catch."""


def begin(memory: int, niceness: int = 0) -> tuple[BinaryIO, BinaryIO]:
    """Set this process's bounds, ``memory`` in bytes of address space; returns where orders come
    from and where outcomes go."""
    die_with_parent()
    hook_uncaught(lambda _: None)  # stderr is the server's log: it learns of the end, and says so
    outcomes = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what is printed by accident is no outcome
    for limit, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):  # a lower limit is set already
            resource.setrlimit(limit, (most, most))
    os.nice(niceness)
    signal.signal(signal.SIGPROF, _time_is_up)
    return sys.stdin.buffer, outcomes


def serve(orders: BinaryIO, outcomes: BinaryIO, answer: Callable[[bytes], bytes]) -> None:
    """Answer what is ordered until no more comes."""
    while len(head := orders.read(HEAD.size)) == HEAD.size:
        (length,) = HEAD.unpack(head)
        body = answer(orders.read(length))
        outcomes.write(HEAD.pack(len(body)))
        outcomes.write(body)
        outcomes.flush()


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Do something in so many seconds of a processor.

    Raises ``TimeIsUpError`` where they do not suffice; the process ends where that is not heard.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = ceil(used.ru_utime + used.ru_stime + seconds + _GRACE)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    with contextlib.suppress(ValueError):  # a lower limit is set already
        resource.setrlimit(resource.RLIMIT_CPU, (most, hard))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))


def _time_is_up(*_: object) -> NoReturn:
    raise TimeIsUpError
