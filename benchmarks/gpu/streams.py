"""Tokens a second of many streams: Colonnade, the bare loop and llama-server, round by round."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, closing
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from benchmarks.contenders import OURS, THEIRS
from benchmarks.gpu import card
from benchmarks.gpu.work import BARE, FAILURES, WAITS, told, within
from benchmarks.http_client import Connection, chat
from benchmarks.jobs import Job, Run
from benchmarks.processes import running_bare, running_llama_server, running_server
from benchmarks.tables import Row
from benchmarks.throughput import run_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.gpu.clock import Clock
    from benchmarks.gpu.found import Found
    from benchmarks.gpu.work import Work
    from benchmarks.http_client import Answer

    Runner = Callable[[Job, float], Run]

OTHERS = [BARE, THEIRS]
STREAMS = (1, 8, 32, 64)
_DIGITS, _TEMPLATE = 24, 12
"""Of a prompt: tokens for what is said, and about as many for what the chat template adds."""
_TOKENS = 96


def jobs(slots: int) -> list[Job]:
    """What a round measures: no more streams than there are slots."""
    counts = [each for each in STREAMS if each <= slots]
    return [
        Job(streams, _TOKENS, _DIGITS + _TEMPLATE, greedy)
        for greedy in (True, False)
        for streams in counts
    ]


def title(job: Job) -> str:
    """The name of a job's figure, which is of the time in which all its streams are answered."""
    drawn = "greedy" if job.greedy else "sampled"
    return f"{job.streams} stream{'s' * (job.streams > 1)}, {drawn}: tokens/s"


async def streamed(port: int, job: Job) -> list[Answer]:
    """The answers of a server, each on a connection of its own."""

    async def ask() -> Answer:
        with closing(await Connection.open(port)) as connection:
            return await connection.stream(chat(_DIGITS, job.tokens, greedy=job.greedy))

    return await asyncio.gather(*(ask() for _ in range(job.streams)))


def _through_http(port: int, job: Job, seconds: float) -> Run:
    return run_of(within(seconds, streamed(port, job)))


def measure(work: Work, found: Found, clock: Clock) -> None:
    """Load all three, and measure until the time is up."""
    with ExitStack() as stack:
        runners = _loaded(work, found, stack)
        found.lines.append(Row("memory of the card with all of them loaded", card.memory_used()))
        rounds(runners, jobs(work.setup.slots), found, clock)


def _loaded(work: Work, found: Found, stack: ExitStack) -> dict[str, Runner]:
    """Those that could load the model."""
    runners: dict[str, Runner] = {}

    def load_bare() -> Runner:
        bare = stack.enter_context(running_bare(work.setup, WAITS))
        return lambda job, _: bare.run(job)

    def load_ours() -> Runner:
        return partial(_through_http, stack.enter_context(running_server(work.setup)).port)

    def load_theirs() -> Runner:
        if work.llama_server is None:
            msg = "there is none"
            raise FileNotFoundError(msg)
        server = running_llama_server(work.llama_server, work.setup)
        return partial(_through_http, stack.enter_context(server).port)

    for name, load in ((OURS, load_ours), (BARE, load_bare), (THEIRS, load_theirs)):
        try:
            runners[name] = load()
            runners[name](Job(work.setup.slots, 4, _DIGITS, greedy=False), 60)
        except FAILURES as error:
            runners.pop(name, None)
            found.missing.append(f"{name}: {told(error)}")
    return runners


def rounds(runners: dict[str, Runner], asked: list[Job], found: Found, clock: Clock) -> None:
    """Go through the jobs again and again, each time beginning with another of the runners.

    A job is left out where it took longer than what is left of the time.
    """
    lasted: dict[str, float] = {}
    for nth in count():
        fitting = [job for job in asked if lasted.get(title(job), 0.0) < clock.left]
        for job in fitting if runners else ():
            if lasted.get(title(job), 0.0) < clock.left:
                began = clock.gone
                _turn(runners, job, nth, found, clock)
                lasted[title(job)] = clock.gone - began
        if not fitting or not runners:
            break
    found.missing += [f"{title(job)}: the time was up" for job in asked if title(job) not in lasted]


def _turn(runners: dict[str, Runner], job: Job, nth: int, found: Found, clock: Clock) -> None:
    """One job for each; who fails takes no further part."""
    names = list(runners)
    first = nth % len(names)
    for name in names[first:] + names[:first]:
        try:
            run = runners[name](job, clock.left + 5)
            # there is no rate where one answer ended before another began
            found.add(title(job), name, run.decode_rate or None)
            if job.streams > 1:
                found.add(f"{title(job)}, prompts included", name, run.total_rate)
        except FAILURES as error:
            del runners[name]
            found.missing.append(f"{name} from {title(job)} on: {told(error)}")
