"""The process that looks at model files without loading them: ``python -m
colonnade.worker.llama.survey DESCRIPTOR``, started by the server process.

It does one order after the other, until the other side closes the socket. llama.cpp may end it on a
broken file; the server starts another.
"""

from __future__ import annotations

import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import llama_cpp
import msgspec

from colonnade.messages import (
    Described,
    FitOrder,
    FrameReader,
    FromSurvey,
    ToSurvey,
    Unfit,
    encode_frame,
)
from colonnade.orphans import die_with_parent
from colonnade.worker.llama import log
from colonnade.worker.llama.errors import ModelError
from colonnade.worker.llama.file_facts import file_facts
from colonnade.worker.llama.fit import fit
from colonnade.worker.llama.footprint import Scales
from colonnade.worker.llama.invariance import check_invariance
from colonnade.worker.llama.task import with_task
from colonnade.worker.llama.tuning import check_tuning

_MEMORY = 4 << 30
"""Bytes that the process may have of its own. Not of address space: drivers of GPUs reserve any
amount of that."""

_CHUNK = 1 << 18
_LONGEST = 4000
"""Characters of a refusal, in which texts of the file may be."""


def main(descriptor: int) -> None:
    """Serve the server."""
    for each in (signal.SIGINT, signal.SIGTERM):  # the server process decides when to end
        signal.signal(each, signal.SIG_IGN)
    die_with_parent()
    for limit, most in ((resource.RLIMIT_DATA, _MEMORY), (resource.RLIMIT_CORE, 0)):
        with suppress(ValueError, OSError):  # a lower limit is set already
            resource.setrlimit(limit, (most, most))
    log.install()
    llama_cpp.llama_backend_init()
    connection = socket.socket(fileno=descriptor)
    orders: FrameReader[ToSurvey] = FrameReader(msgspec.msgpack.Decoder(ToSurvey))
    while data := connection.recv(_CHUNK):
        for order in orders.feed(data):
            connection.sendall(encode_frame(answer(order)))


def answer(order: ToSurvey) -> FromSurvey:
    """Do an order."""
    try:
        if isinstance(order, FitOrder):
            return _fit(order)
        return Described(file_facts(Path(order.path)))
    except (ModelError, MemoryError) as error:
        text = str(error) or "it takes too much memory to look at it"
        return Unfit(text[:_LONGEST])


def _fit(order: FitOrder) -> FromSurvey:
    load = with_task(order.load)
    check_tuning(load)
    if load.task == "generate":
        check_invariance(load)
    with Scales(load) as scales:
        return fit(load, scales, order.budget, order.gpu_budget)


if __name__ == "__main__":
    main(int(sys.argv[1]))
