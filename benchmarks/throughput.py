"""Tokens a second through HTTP against the bare loop, in alternating rounds.

    python -m benchmarks.throughput MODEL.gguf --streams 1 8 --rounds 5

Both processes have the model loaded; one is idle while the other runs. A round in which other
processes took a part of the machine is run again, both halves of it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import sys
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import uvloop

from benchmarks.http_client import Answer, Connection, chat, digits_for
from benchmarks.jobs import Job, Run, add_setup, setup_of
from benchmarks.machine import Intruders
from benchmarks.processes import Bare, Server, running_bare, running_server
from benchmarks.tables import Row, print_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROMPT_TOKENS = 24
_QUIET = 0.05
"""Cores that others may keep busy in a round that counts."""
_ATTEMPTS = 2
"""Times the wanted rounds that are run at most in the hope of quiet ones."""


class Round(NamedTuple):
    """Both halves, and how many cores others kept busy in the busier one."""

    server: Run
    bare: Run
    intruders: float


async def serve_job(server: Server, job: Job) -> Run:
    """Run a job through HTTP, each stream on a connection of its own."""
    connections = [await Connection.open(server.port) for _ in range(job.streams)]
    digits = await digits_for(connections[0], job.prompt_tokens)
    bodies = [chat(digits, job.tokens, greedy=job.greedy) for _ in connections]
    answers = await asyncio.gather(
        *(each.stream(body) for each, body in zip(connections, bodies, strict=True))
    )
    for connection in connections:
        connection.close()
    return run_of(answers)


def run_of(answers: Sequence[Answer]) -> Run:
    """Rates from the arrivals. Some tokens bring no text of their own (half a character), so
    events stand for tokens in the proportion that the answer's usage tells."""
    began = min(answer.sent for answer in answers)
    texts = [answer.text_arrivals for answer in answers]
    first, last = max(times[0] for times in texts), min(times[-1] for times in texts)
    ended = max(times[-1] for times in texts)
    tokens = sum(
        answer.tokens * sum(first < at <= last for at in times) / len(times)
        for answer, times in zip(answers, texts, strict=True)
    )
    return Run(
        decode_rate=tokens / (last - first) if last > first else 0.0,
        total_rate=sum(answer.tokens for answer in answers) / (ended - began),
        first_token=min(times[0] for times in texts) - began,
    )


def rounds(server: Server, bare: Bare, job: Job, count: int) -> list[Round]:
    """Alternate until ``count`` rounds were quiet, or the quietest ``count`` after many."""
    found: list[Round] = []
    for attempt in itertools.count(1):
        found.append(_round(server, bare, job))
        quiet = [each for each in found if each.intruders <= _QUIET]
        if len(quiet) >= count:
            return quiet
        if attempt >= count * _ATTEMPTS:
            return sorted(found, key=lambda each: each.intruders)[:count]
    raise AssertionError


def _round(server: Server, bare: Bare, job: Job) -> Round:
    ours = (*server.pids, bare.pid)
    through_http, one = _watched(ours, lambda: uvloop.run(serve_job(server, job)))
    alone, other = _watched(ours, lambda: bare.run(job))
    return Round(through_http, alone, max(one, other))


def _watched(ours: Sequence[int], work: Callable[[], Run]) -> tuple[Run, float]:
    intruders = Intruders([*ours, os.getpid()])
    run = work()
    return run, intruders.cores()


def measure(server: Server, bare: Bare, job: Job, count: int) -> list[Row]:
    """The rows of one workload."""
    found = rounds(server, bare, job, count)
    name = f"{job.streams} stream{'s' * (job.streams > 1)}, {'greedy' if job.greedy else 'sampled'}"
    noise = median(each.intruders for each in found)
    return [
        Row.compared(
            f"{name}: {what} (tokens/s)",
            [getattr(each.server, field) for each in found],
            [getattr(each.bare, field) for each in found],
            at_least=0.97 if field == "decode_rate" else None,
            note=f"others {noise:.2f} cores",
        )
        for what, field in (("decoding", "decode_rate"), ("in all", "total_rate"))
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput")
    add_setup(parser)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    setup = setup_of(options)
    with running_server(setup) as server, running_bare(setup) as bare:
        for streams, greedy in itertools.product(options.streams, (False, True)):
            job = Job(streams, options.tokens, PROMPT_TOKENS, greedy)
            print_rows(measure(server, bare, job, options.rounds), sys.stdout)


if __name__ == "__main__":
    main()
