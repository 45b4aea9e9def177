"""What watching costs: the worker's clock readings in a step, the server's counting of an output.

    python -m benchmarks.watching --repeats 200000

Both are held against a step of the embedded model, the smallest that there is: what the server
itself says of its steps under a few streams.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import TYPE_CHECKING

import httpx

from benchmarks.jobs import Setup
from benchmarks.processes import running_server
from colonnade.engine.latencies import Latencies
from colonnade.engine.stream import Stream
from colonnade.messages import Output, Part
from colonnade.worker.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.processes import Server

_STREAMS = 4
_MARKS = (
    Part.PLAN,
    Part.DECODE,
    Part.PLAN,
    Part.TEXT,
    Part.MASKS,
    Part.DRAW,
    Part.TEXT,
    Part.PLAN,
    Part.SEND,
)
"""As the loop sets them in a step that draws."""


def metered_step() -> None:
    """What the worker does for it in one step."""
    _METER.begin()
    for part in _MARKS:
        _METER.mark(part)
    _METER.end(_STREAMS)


_METER = Meter()


async def counted_output() -> Callable[[], None]:
    """What the server does for it with one output; to be made within an event loop."""
    latencies, stream = Latencies(), Stream(1, 1, lambda _: None)
    output = Output(1, 0, "text", tokens=1)
    return lambda: latencies.said(stream, output, time.perf_counter())


def microseconds(work: Callable[[], None], repeats: int) -> float:
    """How long one takes."""
    began = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - began) / repeats * 1e6


def step_microseconds(server: Server) -> float:
    """The mean of a step with some streams, as the server has it."""
    base = f"http://127.0.0.1:{server.port}"
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 100}
    choices = {**body, "n": _STREAMS, "ignore_eos": True}
    httpx.post(f"{base}/v1/chat/completions", json=choices, timeout=120).raise_for_status()
    numbers = dict(
        line.rsplit(" ", 1)
        for line in httpx.get(f"{base}/metrics").text.splitlines()
        if line.startswith("colonnade_step_seconds_")
    )
    total = next(value for name, value in numbers.items() if "_sum" in name)
    count = next(value for name, value in numbers.items() if "_count" in name)
    return float(total) / float(count) * 1e6


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20_000)
    repeats = parser.parse_args().repeats
    worker = microseconds(metered_step, repeats)
    server = microseconds(asyncio.run(counted_output()), repeats)
    with running_server(Setup("demo", slots=_STREAMS, threads=1)) as running:
        step = step_microseconds(running)
    print(f"a step with {_STREAMS} streams            {step:8.1f} us")
    print(f"clocks and counts of a step     {worker:8.2f} us  {worker / step:.2%} of it")
    print(f"counting an output (server)     {server:8.2f} us  {server / step:.2%}")


if __name__ == "__main__":
    main()
