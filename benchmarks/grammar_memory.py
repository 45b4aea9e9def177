"""Memory of both processes while every request brings a schema, or a regular expression, of its
own.

    python -m benchmarks.grammar_memory MODEL.gguf --full

Each request has a schema with ids in its keys; every twentieth has instead one of a row of regular
expressions whose lexers grow with every token. The mark is that of a soak: in the last third of the
requests the memory is what it was in the second. Without ``--full`` there are only some requests.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import closing
from itertools import count
from statistics import mean
from typing import TYPE_CHECKING, Any

import msgspec
import uvloop

from benchmarks import machine
from benchmarks.http_client import Connection
from benchmarks.jobs import add_setup, setup_of
from benchmarks.processes import running_server
from benchmarks.tables import Row, print_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.processes import Server

_SOME, _FULL = 60, 5000
_STREAMS = 4
_HOSTILE_EVERY = 20
_HOSTILE_TOKENS = 48
_TOKENS = 4
_GROWTH = 1.02
"""Most that the last third may take of what the second one did."""


def own_schema(number: int) -> dict[str, Any]:
    """A schema that no other request has."""
    key = {"type": "string", "pattern": "^[a-z]{3,12}-[0-9]+$"}
    properties = {f"order_{number}_{field}": key for field in range(6)}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def hostile(number: int) -> str:
    """A short regular expression that no other request has, and that takes much memory."""
    letters = "bcdfghjklmnpqrstvwxyz"
    least, one = 8 + number % 13, letters[number // 13 % len(letters)]
    two = letters[number // 13 // len(letters) % len(letters)]
    return rf"([a-z]*[aeiou{one}{two}][a-z]{{{least}}})*"


def body(number: int) -> dict[str, Any]:
    """One of the requests."""
    is_hostile = number % _HOSTILE_EVERY == _HOSTILE_EVERY - 1
    form = {"regex": hostile(number)} if is_hostile else {"json": own_schema(number)}
    return {
        "messages": [{"role": "user", "content": f"Number {number}."}],
        "max_tokens": _HOSTILE_TOKENS if is_hostile else _TOKENS,
        "temperature": 1.0,
        "seed": number,
        "structured_outputs": form,
        "chat_template_kwargs": {"enable_thinking": False},
    }


async def follow(server: Server, requests: int) -> tuple[list[float], list[float]]:
    """Memory in MiB of the worker, and of the server with the processes that prepare schemas, each
    time that some requests have been answered."""
    numbers: Iterator[int] = count()
    worker: list[float] = []
    rest: list[float] = []
    every = max(1, requests // 120)

    async def work() -> None:
        with closing(await Connection.open(server.port)) as connection:
            while (number := next(numbers)) < requests:
                _check(await connection.raw(body(number)))
                if number % every == 0:
                    worker.append(machine.memory(server.worker_pid).anonymous)
                    rest.append(_rest(server))

    await asyncio.gather(*(work() for _ in range(_STREAMS)))
    return worker, rest


def _check(response: bytes) -> None:
    """See that it was answered, or that its regular expression has become too complex."""
    answer = msgspec.json.decode(response.partition(b"\r\n\r\n")[2])
    if "usage" not in answer and "cannot be followed further" not in answer["error"]["message"]:
        raise RuntimeError(response.decode())


def _rest(server: Server) -> float:
    others = [pid for pid in machine.children(server.pid) if pid != server.worker_pid]
    return sum(machine.memory(pid).anonymous for pid in (server.pid, *others))


def growth_row(name: str, found: Sequence[float]) -> Row:
    """The last third of the figures against the second one."""
    third = len(found) // 3
    second, last = mean(found[third : 2 * third]), mean(found[2 * third : 3 * third])
    return Row(
        name,
        f"{last:.1f} MiB",
        f"{second:.1f} MiB",
        f"{last / second:.3f}",
        f"<= {_GROWTH}",
        last <= second * _GROWTH,
        f"{found[0]:.0f} MiB at the start, {max(found):.0f} at most",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.grammar_memory")
    add_setup(parser, slots=_STREAMS)
    parser.add_argument("--full", action="store_true", help=f"{_FULL} requests")
    parser.add_argument("--requests", type=int, help="how many instead")
    options = parser.parse_args(arguments)
    requests = options.requests or (_FULL if options.full else _SOME)
    # states of prompts are another matter, and take as much as they may
    with running_server(setup_of(options), "--cache-size", "0") as server:
        worker, rest = uvloop.run(follow(server, requests))
    rows = [growth_row("worker", worker), growth_row("server", rest)]
    title = f"Own memory, {requests} requests with grammars of their own: last third"
    print_rows(rows, sys.stdout, title, other="second third")


if __name__ == "__main__":
    main()
