"""Clients that read nothing, say nothing, or say it byte by byte: what others notice of them.

    python -m benchmarks.bad_clients [--clients 500] [--seconds 15]

A third each: readers that ask for an answer and take nothing of it, connections on which nothing
comes, and heads that come a byte a second; whoever is cut off comes again. Meanwhile four streams
are written, and the gaps between their tokens held against those without such clients, before and
after.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import httpx

from benchmarks.processes import child, output_of, port_in
from benchmarks.tables import Row, percentile, print_rows
from benchmarks.watched import WATCHED, numbers, slow_callbacks

if TYPE_CHECKING:
    from collections.abc import Sequence

_SERVER: Final = (
    *("serve", "demo", "--port", "0", *WATCHED),
    *("--queue-size", "1000", "--ctx-size", "2048", "--slots", "8"),
)
_TALKERS: Final = 4
_UNREAD_TOKENS: Final = 100
_MOST: Final = 1.2
"""As many times the gap may be with such clients."""


@dataclass(frozen=True, slots=True)
class Found:
    """Gaps in milliseconds, and what the server counted."""

    alone: list[float]
    beside: list[float]
    slow_callbacks: float
    slowest_probe: float
    """Milliseconds until ``/health`` answered, at most, beside those clients."""

    @property
    def ratio(self) -> float:
        """How many times as long the 99th of a hundred gaps was beside them."""
        return percentile(self.beside, 99) / percentile(self.alone, 99)


async def measure(clients: int, seconds: float) -> Found:
    """Measure gaps without, with, and without again."""
    with child([sys.executable, "-m", "colonnade", *_SERVER]) as process:
        port = await asyncio.to_thread(port_in, output_of(process))
        async with httpx.AsyncClient(base_url=f"http://localhost:{port}", timeout=60) as http:
            await _gaps(port, 1.0)
            held = slow_callbacks(await _metrics(http))
            alone = await _gaps(port, seconds / 2)
            bad = [asyncio.create_task(_bad(port, number)) for number in range(clients)]
            try:
                await _answered(http)
                probing = asyncio.create_task(_probe(http, seconds))
                beside = await _gaps(port, seconds)
            finally:
                for each in bad:
                    each.cancel()
                await asyncio.wait(bad)
            slowest = await probing
            alone += await _gaps(port, seconds / 2)
            return Found(alone, beside, slow_callbacks(await _metrics(http)) - held, slowest)


async def _bad(port: int, number: int) -> None:
    """Be a nuisance, again and again."""
    kind = (_read_nothing, _say_nothing, _say_little)[number % 3]
    while True:
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            with suppress(OSError):
                await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
                await kind(connection)
        finally:
            connection.close()


async def _read_nothing(connection: socket.socket) -> None:
    """Ask for more than fits into what the two systems keep, and take none of it."""
    body = {"prompt": "Once", "max_tokens": _UNREAD_TOKENS, "ignore_eos": True, "stream": True}
    content = json.dumps(body | {"logprobs": 5, "n": 1}).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}"
    await asyncio.get_running_loop().sock_sendall(connection, f"{head}\r\n\r\n".encode() + content)
    await asyncio.sleep(3600)


async def _say_nothing(connection: socket.socket) -> None:
    await asyncio.get_running_loop().sock_recv(connection, 1)


async def _say_little(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    for byte in b"GET /health HTTP/1.1\r\nHost: localhost\r\nCookie: " + b"x" * 3600:
        await loop.sock_sendall(connection, bytes([byte]))
        await asyncio.sleep(1)


async def _answered(http: httpx.AsyncClient) -> None:
    """Wait until the answers that nobody reads are generated: what they cost before is a load as
    any other."""
    while True:
        await asyncio.sleep(0.5)
        found = numbers(await _metrics(http))
        if not sum(value for name, value in found.items() if "num_requests_" in name):
            return


async def _probe(http: httpx.AsyncClient, seconds: float) -> float:
    slowest, end = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        (await http.get("/health")).raise_for_status()
        slowest = max(slowest, (time.perf_counter() - began) * 1e3)
        await asyncio.sleep(0.2)
    return slowest


async def _gaps(port: int, seconds: float) -> list[float]:
    """Milliseconds between the tokens of some streams, for a while."""
    end = time.perf_counter() + seconds
    found = await asyncio.gather(*(_talk(port, end) for _ in range(_TALKERS)))
    return [gap for gaps in found for gap in gaps]


async def _talk(port: int, end: float) -> list[float]:
    """One stream after the other."""
    body = {"prompt": "Once", "max_tokens": 1500, "ignore_eos": True, "stream": True}
    content = json.dumps(body).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}"
    gaps: list[float] = []
    while time.perf_counter() < end:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{head}\r\n\r\n".encode() + content)
        arrivals: list[float] = []
        while time.perf_counter() < end:
            data = await reader.read(65536)
            arrivals += [time.perf_counter()] * data.count(b"data: {")
            if b"[DONE]" in data or not data:
                break
        writer.close()
        gaps += [(two - one) * 1e3 for one, two in pairwise(arrivals[1:])]
    return gaps


async def _metrics(http: httpx.AsyncClient) -> str:
    return (await http.get("/metrics")).text


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the gaps; returns 1 where others notice too much."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=15.0)
    given = parser.parse_args(arguments)
    found = asyncio.run(measure(given.clients, given.seconds))
    rows = [
        _row(f"gap between tokens of {_TALKERS} streams alone", found.alone),
        _row(f"... beside {given.clients} bad clients", found.beside),
        Row("ratio of the 99th of a hundred gaps", f"{found.ratio:.2f}", note=f"at most {_MOST}"),
        Row("slowest /health beside them", f"{found.slowest_probe:.0f} ms"),
        Row("callbacks over 50 ms", f"{found.slow_callbacks:.0f}"),
    ]
    print_rows(rows, sys.stdout, "Bad clients")
    return 0 if found.ratio <= _MOST and not found.slow_callbacks else 1


def _row(name: str, gaps: Sequence[float]) -> Row:
    figure = f"p50 {percentile(gaps, 50):.1f}, p99 {percentile(gaps, 99):.1f} ms"
    return Row(name, figure, note=f"most {max(gaps):.0f} ms, {len(gaps)} gaps")


if __name__ == "__main__":
    sys.exit(main())
