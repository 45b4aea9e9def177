"""What carries the answers: the event loop, and what a slow reader gets.

    python -m benchmarks.transport SMALL.gguf --rounds 3

The server runs on uvloop; here it runs on asyncio's own loop, too, in alternating rounds with both
loaded. A model that costs next to nothing shows the most of it. The server joins what a reader was
too slow for, and the system keeps megabytes for a reader before that shows: so the stream that is
read slowly is a long one.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import uvloop

from benchmarks import machine
from benchmarks.http_client import Connection, chat
from benchmarks.jobs import add_setup, setup_of
from benchmarks.processes import Server, child, model_flags, output_of, port_in
from benchmarks.tables import Row, print_rows, spread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.jobs import Setup

STREAMS = 32
_AT_ONCE = 8
"""Clients that ask for answers of one token."""
_SLOWER = 8
"""How much slower the slow reader is than the server writes."""
_PATIENCE = 2
"""How long it is slow, in times of the same stream without waiting; then it takes the rest."""
_CHOICES = 16
"""Of the stream that is read slowly: the system alone keeps megabytes between the two."""
_RECEIVE_BUFFER = 4096
_PIECE = 4096
_SAMPLE_SECONDS = 0.05
_END = b"data: [DONE]"


class Amounts(NamedTuple):
    """How much of each is measured."""

    seconds: float = 5
    """Of requests for one token."""
    tokens: int = 300
    """Of each of the streams side by side."""
    slow_tokens: int = 2000
    """Of each choice of the stream that is read slowly."""


@contextmanager
def running_with_loop(setup: Setup, loop: str, writes: str = "") -> Iterator[Server]:
    """The server on ``uvloop`` or ``asyncio``; ``writes`` is a file for what streams send."""
    command = [sys.executable, "-m", "benchmarks.server_with_loop", loop, writes]
    command += [*model_flags(setup), "--port", "0", "--log-level", "warning"]
    with child(command) as process:
        yield Server(process, port_in(output_of(process)))


async def small_requests(server: Server, seconds: float) -> tuple[float, float]:
    """Answers of one token, eight clients at a time: how many a second, and microseconds of the
    server process for each."""
    clients = [await Connection.open(server.port) for _ in range(_AT_ONCE)]
    before, began = cpu_seconds(server.pid), time.perf_counter()

    async def ask(client: Connection) -> int:
        count = 0
        while time.perf_counter() < began + seconds:
            await client.whole(chat(8, 1))
            count += 1
        return count

    counts = await asyncio.gather(*map(ask, clients))
    took, spent = time.perf_counter() - began, cpu_seconds(server.pid) - before
    for client in clients:
        client.close()
    return sum(counts) / took, spent / sum(counts) * 1e6


async def cpu_per_token(server: Server, tokens: int) -> float:
    """Microseconds of the server process for a token of 32 streams, of which each goes to its
    client by itself. The worker's are not in it."""
    clients = [await Connection.open(server.port) for _ in range(STREAMS)]
    before = cpu_seconds(server.pid)
    answers = await asyncio.gather(*(each.stream(chat(8, tokens)) for each in clients))
    spent = cpu_seconds(server.pid) - before
    for client in clients:
        client.close()
    return spent / sum(answer.tokens for answer in answers) * 1e6


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, of the threads that still run, to the nanosecond."""
    threads = Path("/proc", str(pid), "task").iterdir()
    return sum(int((each / "schedstat").read_text().split()[0]) for each in threads) / 1e9


def loop_rows(setup: Setup, amounts: Amounts, rounds: int) -> list[Row]:
    """uvloop, as the server has it, against asyncio."""
    found: dict[str, list[tuple[float, ...]]] = {"uvloop": [], "asyncio": []}
    with ExitStack() as stack:
        servers = {loop: stack.enter_context(running_with_loop(setup, loop)) for loop in found}
        for _ in range(rounds):
            for loop, server in servers.items():
                small = uvloop.run(small_requests(server, amounts.seconds))
                cost = uvloop.run(cpu_per_token(server, amounts.tokens))
                found[loop].append((*small, cost))
    pairs = zip(
        zip(*found["uvloop"], strict=True), zip(*found["asyncio"], strict=True), strict=True
    )
    return [Row.compared(name, *pair) for name, pair in zip(_LOOP_FIGURES, pairs, strict=True)]


_LOOP_FIGURES = (
    "one-token requests a second",
    "server's CPU time a one-token request (us)",
    f"server's CPU time a token, {STREAMS} streams (us)",
)


class Reading(NamedTuple):
    """How one stream was read, and what the server did meanwhile."""

    seconds: float
    size: int
    """Bytes of the response."""
    writes: list[tuple[int, int]]
    """Bytes and events of each piece that the stream handed over."""
    grew: float
    """MiB by which the server process grew at most."""


def read_stream(
    server: Server, writes: Path, tokens: int, slow: tuple[float, float] | None = None
) -> Reading:
    """Read a stream as fast as it comes. ``slow``: at that many bytes a second for so many
    seconds."""
    noted, before = writes.stat().st_size, machine.memory(server.pid).resident
    most, size, sampled, tail = before, 0, 0.0, b""
    began = time.perf_counter()
    with socket.socket() as client:
        if slow is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        client.connect(("127.0.0.1", server.port))
        client.sendall(_request(tokens))
        while _END not in tail:
            part = client.recv(_PIECE)
            if not part:
                raise ConnectionError(tail.decode(errors="replace"))
            size, tail = size + len(part), (tail + part)[-_PIECE:]
            now = time.perf_counter()
            if now - sampled > _SAMPLE_SECONDS:
                most, sampled = max(most, machine.memory(server.pid).resident), now
            if slow is not None and now - began < slow[1]:
                time.sleep(max(0.0, began + size / slow[0] - now))
    lines = writes.read_bytes()[noted:].split(b"\n")[:-1]
    pieces = [(int(one), int(two)) for one, two in map(bytes.split, lines)]
    return Reading(time.perf_counter() - began, size, pieces, most - before)


def _request(tokens: int) -> bytes:
    body: dict[str, Any] = chat(8, tokens) | {"stream": True, "n": _CHOICES}
    content = msgspec.json.encode(body)
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def reader_rows(setup: Setup, tokens: int, rounds: int) -> list[Row]:
    """What a fast reader gets, and one that is slower than the server writes."""
    fast, slow = [], []
    with tempfile.TemporaryDirectory() as folder:
        writes = Path(folder, "writes.txt")
        writes.touch()
        with running_with_loop(setup, "uvloop", str(writes)) as server:
            read_stream(server, writes, tokens)  # what is allocated once
            for _ in range(rounds):
                fast.append(read_stream(server, writes, tokens))
                rate = fast[-1].size / fast[-1].seconds / _SLOWER
                pace = rate, fast[-1].seconds * _PATIENCE
                slow.append(read_stream(server, writes, tokens, pace))
    return [_reader_row(name, fast, slow, number) for number, name in enumerate(_FIGURES)]


_GROWTH = "growth of the server process, MiB"
_FIGURES = (
    "seconds of the stream",
    "bytes of the stream",
    "writes",
    "events a write, mean",
    "events a write, most",
    "bytes a write, mean",
    "bytes a write, most",
    _GROWTH,
)


def _reader_row(name: str, fast: list[Reading], slow: list[Reading], number: int) -> Row:
    ours, other = ([_figures(each)[number] for each in group] for group in (slow, fast))
    ratio = "" if name == _GROWTH else f"{median(ours) / median(other):.2f}"
    return Row(name, spread(ours), spread(other), ratio)


def _figures(reading: Reading) -> tuple[float, ...]:
    sizes, events = zip(*reading.writes, strict=True)
    return (
        reading.seconds,
        reading.size,
        len(reading.writes),
        mean(events),
        max(events),
        mean(sizes),
        max(sizes),
        reading.grew,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transport")
    add_setup(parser, slots=STREAMS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slow-rounds", type=int, default=1, help="of the slow reader; 0 for none")
    parser.add_argument("--seconds", type=float, default=5, help="of one-token requests")
    parser.add_argument("--tokens", type=int, default=300, help="of each of 32 streams")
    parser.add_argument("--slow-tokens", type=int, default=2000, help="of 16 choices read slowly")
    options = parser.parse_args()
    setup = setup_of(options)
    amounts = Amounts(options.seconds, options.tokens, options.slow_tokens)
    title = "The event loop: uvloop, which the server runs on, and asyncio's"
    print_rows(loop_rows(setup, amounts, options.rounds), sys.stdout, title, other="asyncio")
    title = f"A reader {_SLOWER} times slower than the stream, and one that keeps up"
    if options.slow_rounds:
        rows = reader_rows(setup, amounts.slow_tokens, options.slow_rounds)
        print_rows(rows, sys.stdout, title, other="keeps up")


if __name__ == "__main__":
    main()
