"""Waiting times: to the first token, between tokens beside a long prompt, and small requests.

python -m benchmarks.latency MODEL.gguf
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

import uvloop

from benchmarks.http_client import Connection, chat, digits_for
from benchmarks.jobs import add_setup, setup_of
from benchmarks.processes import running_server
from benchmarks.tables import Row, percentile, print_rows, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.http_client import Answer
    from benchmarks.processes import Server

_TALKERS = 4


async def first_tokens(server: Server, prompt_tokens: int, rounds: int) -> Row:
    """Time to the first token on an idle server."""
    connection = await Connection.open(server.port)
    digits = await digits_for(connection, prompt_tokens)
    found = []
    for _ in range(rounds):
        answer = await connection.stream(chat(digits, 4))
        found.append(answer.first_token * 1e3)
    connection.close()
    return Row(
        f"first token after a prompt of {prompt_tokens:,} tokens",
        f"{spread(found)} ms",
        note=f"{prompt_tokens / median(found) * 1e3:.0f} prompt tokens/s",
    )


async def gaps(server: Server, long_prompt: int) -> list[Row]:
    """Gaps between tokens of short streams, alone and while a long prompt is read beside them."""
    talkers = [await Connection.open(server.port) for _ in range(_TALKERS)]
    reader = await Connection.open(server.port)
    digits = await digits_for(reader, long_prompt)
    streams = [asyncio.create_task(each.stream(chat(8, 4000))) for each in talkers]
    await asyncio.sleep(1)
    asked = time.perf_counter()
    long = await reader.stream(chat(digits, 1))
    read = long.sent + long.first_token
    for each in talkers:
        each.hang_up()
    answers = await asyncio.gather(*streams)
    for each in (*talkers, reader):
        each.close()
    beside = _gaps(answers, asked, read)
    alone = _gaps(answers, 0, asked)
    return [
        _gap_row(f"gap between tokens of {_TALKERS} streams alone", alone),
        _gap_row(f"gap while {long.prompt_tokens:,} tokens of prompt are read beside", beside),
        Row.bounded("... and their first token", long.first_token, "s"),
    ]


def _gaps(answers: Sequence[Answer], begin: float, end: float) -> list[float]:
    """Milliseconds between arrivals within a span of time."""
    return [
        (two - one) * 1e3
        for answer in answers
        for one, two in pairwise(at for at, _ in answer.arrivals[1:])
        if begin <= one and two <= end
    ]


def _gap_row(name: str, found: Sequence[float]) -> Row:
    if not found:  # a small model's answers ended before
        return Row(name, "none")
    return Row(
        name,
        f"p50 {percentile(found, 50):.0f}, p99 {percentile(found, 99):.0f} ms",
        note=f"most {max(found):.0f} ms, {len(found)} gaps",
    )


async def small_requests(server: Server, connections: int, seconds: float) -> Row:
    """Requests a second for answers of one token."""
    clients = [await Connection.open(server.port) for _ in range(connections)]
    until = time.perf_counter() + seconds

    async def ask(client: Connection) -> int:
        count = 0
        while time.perf_counter() < until:
            await client.whole(chat(8, 1))
            count += 1
        return count

    began = time.perf_counter()
    counts = await asyncio.gather(*map(ask, clients))
    took = time.perf_counter() - began
    for client in clients:
        client.close()
    name = f"one-token requests a second, {connections} at a time"
    return Row(name, f"{sum(counts) / took:.0f}")


async def measure(
    server: Server, prompts: Sequence[int], long_prompt: int, rounds: int
) -> list[Row]:
    """Waiting times on one model."""
    rows = [await first_tokens(server, length, rounds) for length in prompts]
    return [*rows, *await gaps(server, long_prompt)]


async def measure_small(server: Server, seconds: float) -> list[Row]:
    """Small requests, one after the other and many at once."""
    return [await small_requests(server, count, seconds) for count in (1, 8)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency")
    add_setup(parser)
    parser.add_argument("--prompts", type=int, nargs="+", default=[16, 1000])
    parser.add_argument("--long-prompt", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5, help="of small requests")
    options = parser.parse_args()
    with running_server(setup_of(options)) as server:
        rows = uvloop.run(measure(server, options.prompts, options.long_prompt, options.rounds))
        rows += uvloop.run(measure_small(server, options.seconds))
        print_rows(rows, sys.stdout)


if __name__ == "__main__":
    main()
