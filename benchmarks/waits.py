"""How threads wait for each other: the worker's choice beside what stands still, on an idle machine
and beside a program that keeps one core busy.

    python -m benchmarks.waits MODEL.gguf --streams 1 8 --rounds 3

All servers have the model loaded and are asked in turn. The ratio is to threads that sleep at once.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import defaultdict
from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING

from benchmarks.http_client import chat
from benchmarks.jobs import add_setup, setup_of
from benchmarks.machine import busy_neighbour
from benchmarks.processes import running_server
from benchmarks.speculation import rate
from benchmarks.tables import Row, print_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from benchmarks.jobs import Setup
    from benchmarks.processes import Server

_ASLEEP = "asleep"
_SPINNING = "always spinning"
_CHOSEN = "the worker's choice"
_WAYS: dict[str, dict[str, str]] = {
    _CHOSEN: {},
    _SPINNING: {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "2000"},
    _ASLEEP: {"OMP_WAIT_POLICY": "passive"},
}
"""Environments of a server by the way of waiting that they lead to, with GNU's OpenMP. Its default
is not among them: beside a neighbour, one answer of some tokens takes a minute."""

_SETTINGS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "idle machine": nullcontext,
    "one busy neighbour": busy_neighbour,
}


def measure(setup: Setup, streams: Sequence[int], rounds: int, tokens: int) -> list[Row]:
    """A row for each way, number of streams and setting."""
    found: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    with ExitStack() as stack:
        servers = {
            way: stack.enter_context(running_server(setup, environment=environment))
            for way, environment in _WAYS.items()
        }
        for number in range(rounds):
            for name, setting in _SETTINGS.items():
                for count in streams:
                    with setting():
                        for way in sorted(servers, reverse=bool(number % 2)):
                            speed = _speed(servers[way], count, tokens)
                            found[name, count, way].append(speed)
    return [
        Row.compared(
            f"{name}, {count} stream{'s' * (count > 1)}: {way} (tokens/s)",
            speeds,
            found[name, count, _ASLEEP],
            at_least=None if way != _CHOSEN else 0.8,
        )
        for (name, count, way), speeds in sorted(found.items())
        if way != _ASLEEP
    ]


def _speed(server: Server, streams: int, tokens: int) -> float:
    return asyncio.run(rate(server, [chat(24, tokens, greedy=True) for _ in range(streams)]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.waits")
    add_setup(parser, ctx_size=1024)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=64)
    options = parser.parse_args(arguments)
    rows = measure(setup_of(options), options.streams, options.rounds, options.tokens)
    print_rows(rows, sys.stdout, other=_ASLEEP)


if __name__ == "__main__":
    main()
