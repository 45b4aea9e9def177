"""Ten times as many requests as are served: how many still are, and how soon the rest is told.

python -m benchmarks.overload [MODEL] [--seconds 20] [--times 10] [--tokens 64] [--slots 4]

First as many clients ask as fit into slots and queue, one request after the other: the peak. Then
requests come at so many times that rate, whatever becomes of them. Their client shares the cores
with the server, and what it takes counts against it.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.http_client import Connection
from benchmarks.jobs import Setup
from benchmarks.processes import running_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SOON = 0.05
"""Seconds within which a refusal is to be there."""


@dataclass
class Outcome:
    """What became of requests. Times are in seconds."""

    seconds: float = 0.0
    """How long they came."""
    served: int = 0
    """Answered in that time."""
    refused: list[float] = field(default_factory=list)
    """How long each refusal took."""
    told: list[float] = field(default_factory=list)
    """When each of them was told to come back."""
    others: list[str] = field(default_factory=list)
    """Answers that are neither."""
    drained: float = 0.0
    """From the last request until all were answered."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.served / self.seconds


class Clients:
    """Sends requests, each on a connection of its own that others use after it."""

    def __init__(self, port: int, body: dict[str, Any], outcome: Outcome) -> None:
        self._port = port
        self._body = body
        self._outcome = outcome
        self._idle: list[Connection] = []
        self._over = False

    async def ask(self) -> None:
        """One request."""
        connection = self._idle.pop() if self._idle else await Connection.open(self._port)
        sent = time.perf_counter()
        answer = await connection.raw(self._body)
        took = time.perf_counter() - sent
        self._idle.append(connection)
        status = answer[9:12]
        if status == b"200":
            self._outcome.served += not self._over
        elif status == b"429":
            self._outcome.refused.append(took)
            found = re.search(rb"retry-after-ms: (\d+)", answer)
            self._outcome.told.append(int(found[1]) / 1e3 if found else 0.0)
        else:
            self._outcome.others.append(answer.decode(errors="replace"))

    @contextmanager
    def timed(self) -> Iterator[None]:
        """What is answered while the block runs counts as served."""
        began = time.perf_counter()
        yield
        self._outcome.seconds = time.perf_counter() - began
        self._over = True

    def close(self) -> None:
        """Close all connections."""
        for connection in self._idle:
            connection.close()


async def peak(port: int, body: dict[str, Any], clients: int, seconds: float) -> Outcome:
    """So many clients, one request after the other each."""
    outcome = Outcome()
    asking = Clients(port, body, outcome)
    until = time.perf_counter() + seconds

    async def go_on() -> None:
        while time.perf_counter() < until:
            await asking.ask()

    tasks = [asyncio.ensure_future(go_on()) for _ in range(clients)]
    with asking.timed():
        await asyncio.sleep(seconds)
    await asyncio.gather(*tasks)
    asking.close()
    return outcome


async def flood(port: int, body: dict[str, Any], rate: float, seconds: float) -> Outcome:
    """So many requests a second, whether they are served or not."""
    outcome = Outcome()
    asking = Clients(port, body, outcome)
    tasks: set[asyncio.Future[None]] = set()
    began = time.perf_counter()
    sent = 0
    with asking.timed():
        while (passed := time.perf_counter() - began) < seconds:
            while sent < passed * rate:
                task = asyncio.ensure_future(asking.ask())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                sent += 1
            await asyncio.sleep(1 / rate)
    ended = time.perf_counter()
    await asyncio.gather(*tasks)
    outcome.drained = time.perf_counter() - ended
    asking.close()
    return outcome


def share(times: Sequence[float], below: float) -> float:
    """Which part of them is that short."""
    return sum(each <= below for each in times) / len(times) if times else 1.0


def report(most: Outcome, under: Outcome, times: float) -> list[str]:
    """What was found, in lines."""
    refused = sorted(under.refused)
    middle = refused[len(refused) // 2] if refused else 0.0
    late = refused[len(refused) * 99 // 100] if refused else 0.0
    told = under.told[-1] if under.told else 0.0
    return [
        f"peak: {most.rate:.1f} answers a second",
        f"{times:g} times as many requests: {under.rate:.1f} answers a second "
        f"({under.rate / most.rate:.0%} of the peak), {len(refused)} refused, "
        f"{len(under.others)} others",
        f"a refusal takes {middle * 1e3:.0f} ms (median), {late * 1e3:.0f} ms (99th percentile); "
        f"{share(refused, _SOON):.1%} within {_SOON * 1e3:.0f} ms",
        f"the last ones were told to come back in {told:.1f} s; all was served after "
        f"{under.drained:.1f} s",
    ]


def run(options: argparse.Namespace) -> tuple[Outcome, Outcome]:
    """Both parts against a server of its own."""
    setup = Setup(options.model, options.threads, options.slots, options.ctx_size)
    body = {"prompt": "Once", "max_tokens": options.tokens, "ignore_eos": True}
    with running_server(setup, "--queue-size", str(options.queue)) as server:
        clients = options.slots + options.queue
        asyncio.run(peak(server.port, body, clients, min(2.0, options.seconds)))  # to warm up
        most = asyncio.run(peak(server.port, body, clients, options.seconds))
        rate = options.times * most.rate
        return most, asyncio.run(flood(server.port, body, rate, options.seconds))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", nargs="?", default="demo")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--times", type=float, default=10.0)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--queue", type=int, default=64)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--ctx-size", type=int, default=512)
    options = parser.parse_args(arguments)
    most, under = run(options)
    print("\n".join(report(most, under, options.times)))
    return 1 if under.others else 0


if __name__ == "__main__":
    raise SystemExit(main())
