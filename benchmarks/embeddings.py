"""Embeddings beside llama-server and sentence-transformers: the same file, threads and passages.

    python -m benchmarks.minilm MODEL.gguf
    python -m benchmarks.embeddings MODEL.gguf --llama-server LLAMA_SERVER [--runtime PYTHON]

A thousand passages of 200 tokens are embedded in requests of one, sixteen and a hundred, by one
client and by eight. Each server runs as its own user would start it, with its own defaults but for
the file and the threads; the others are idle while one runs. A ratio is the median over the rounds
of ours to theirs, each pair measured one after the other. The third contender is the runtime that
all-MiniLM-L6-v2 has in Python, in an interpreter that has the extra `real-embeddings`: no server,
but a loop that is handed the same lists of texts; it is there to be seen, and the marks are
llama-server's.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import llama_cpp
import msgspec

from benchmarks.embedding_runtime import Runtime, running_runtime
from benchmarks.http_client import Connection
from benchmarks.machine import cpu_seconds, describe
from benchmarks.processes import running_embeddings, running_llama_server_embeddings
from benchmarks.tables import Row, number, print_rows, ratios, spread
from benchmarks.texts import PASSAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.processes import Server

    Embed = Callable[[Sequence[str], int, int], "Found | None"]
    """Embeds texts, so many a request, by so many clients."""

OURS, THEIRS, RUNTIME = "Colonnade", "llama-server", "sentence-transformers"
SIZES = (1, 16, 100)
CLIENTS = (1, 8)
TOKENS = 200
WARMING = 32
"""Passages that a contender embeds before a round is measured."""


class Found(NamedTuple):
    """What embedding the passages took: passages a second, and CPU time of a passage."""

    rate: float
    cpu_ms: float


Round = dict[str, dict[str, Found]]
"""By server and figure."""


class Measured(msgspec.Struct):
    """What a run of this program found, as ``--json`` keeps it."""

    model: str
    threads: int
    passages: int
    rounds: list[Round]
    machine: str = ""

    def figures(self, name: str, server: str, part: int) -> list[float | None]:
        """A figure of a server, for each round: its rate (0) or its CPU time (1)."""
        found = [each.get(server, {}).get(name) for each in self.rounds]
        return [None if each is None else each[part] for each in found]


def passages_of(path: Path, count: int) -> list[str]:
    """Different texts of plain language, each of nearly ``TOKENS`` of the model's tokens."""
    vocabulary = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
    chance = random.Random(1)
    words = " ".join(PASSAGES).split()
    made = []
    for _ in range(count):
        chosen = chance.sample(words, 40) + chance.sample(words, 180)
        while len(vocabulary.tokenize(" ".join(chosen).encode())) > TOKENS:
            chosen.pop()
        made.append(" ".join(chosen))
    vocabulary.close()
    return made


async def ask(server: Server, passages: Sequence[str], size: int, clients: int) -> Found:
    """Have a server embed all passages, ``size`` a request. Raises ``RuntimeError`` if it fails."""
    requests = [list(passages[at : at + size]) for at in range(0, len(passages), size)]
    waiting = iter(requests)
    connections = [await Connection.open(server.port) for _ in range(clients)]
    answers: list[bytes] = []

    async def client(connection: Connection) -> None:
        for texts in waiting:
            body = {"model": "any", "input": texts, "encoding_format": "base64"}
            answers.append(await connection.whole(body))

    pids = sorted({*server.pids})  # llama-server is one process
    before, began = cpu_seconds(pids), time.perf_counter()
    await asyncio.gather(*map(client, connections))
    took = time.perf_counter() - began
    spent = cpu_seconds(pids) - before
    for connection in connections:
        connection.close()
    embedded = sum(answer.count(b'"embedding":"') for answer in map(_compact, answers))
    if embedded != len(passages):
        raise RuntimeError(f"{embedded} embeddings of {len(passages)} passages")
    return Found(len(passages) / took, 1000 * spent / len(passages))


def _compact(answer: bytes) -> bytes:
    return answer.replace(b'": "', b'":"')


def have(runtime: Runtime, passages: Sequence[str], size: int, clients: int) -> Found | None:
    """Have the runtime embed all passages. It is no server: there is one client or none."""
    if clients > 1:
        return None
    before = cpu_seconds([runtime.pid])
    took = runtime.run(passages, size)
    spent = cpu_seconds([runtime.pid]) - before
    return Found(len(passages) / took, 1000 * spent / len(passages))


def measure(options: argparse.Namespace, passages: Sequence[str]) -> list[Round]:
    """Have all contenders embed the passages in turn, each round beginning with another one."""
    rounds: list[Round] = []
    with ExitStack() as running:
        embed: dict[str, Embed] = {}
        ours = running.enter_context(running_embeddings(str(options.model), options.threads))
        embed[OURS] = partial(_asked, ours)
        theirs = running.enter_context(
            running_llama_server_embeddings(
                options.llama_server, str(options.model), options.threads
            )
        )
        embed[THEIRS] = partial(_asked, theirs)
        if options.runtime:
            runtime = running.enter_context(running_runtime(options.runtime, options.threads))
            embed[RUNTIME] = partial(have, runtime)
        for nth in range(options.rounds):
            rounds.append({name: {} for name in embed})
            for size in options.sizes:
                for clients in options.clients:
                    _measure_each(embed, rounds, nth, passages, size, clients)
    return rounds


def _measure_each(
    embed: dict[str, Embed],
    rounds: list[Round],
    nth: int,
    passages: Sequence[str],
    size: int,
    clients: int,
) -> None:
    name = figure(size, clients)
    order = list(embed)
    first = nth % len(order)
    for server in order[first:] + order[:first]:
        embed[server](passages[:WARMING], size, 1)
        found = embed[server](passages, size, clients)
        if found is not None:
            rounds[nth][server][name] = found
            print(f"round {nth + 1}: {server}: {name}: {number(found.rate)}", file=sys.stderr)


def _asked(server: Server, passages: Sequence[str], size: int, clients: int) -> Found:
    return asyncio.run(ask(server, passages, size, clients))


def figure(size: int, clients: int) -> str:
    """What a figure is called."""
    return f"{size} a request, {clients} client{'s' * (clients > 1)}"


def rows(measured: Measured) -> list[Row]:
    """The table: rates, which have a mark, then what they cost."""
    names = list(dict.fromkeys(name for each in measured.rounds for name in each[OURS]))
    made = []
    for part, unit in enumerate(("passages/s", "CPU ms a passage")):
        for name in names:
            ours = measured.figures(name, OURS, part)
            runtime = measured.figures(name, RUNTIME, part)
            made.append(
                Row.compared(
                    f"{name}, {unit}",
                    ours,
                    measured.figures(name, THEIRS, part),
                    at_least=None if part else 1.0,
                    more=(spread(runtime), spread(ratios(ours, runtime), 3)),
                )
            )
    return made


def show(measured: Measured) -> None:
    """Print the table, and what has to be known of it."""
    title = (
        f"{measured.model}: {measured.passages:,} passages of {TOKENS} tokens, "
        f"{measured.threads} threads; medians of {len(measured.rounds)} rounds"
    )
    print_rows(rows(measured), sys.stdout, title, other=THEIRS, more=(RUNTIME, "ratio"))
    print(measured.machine)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.embeddings")
    parser.add_argument("model", type=Path, metavar="MODEL.gguf")
    parser.add_argument("--llama-server", metavar="PATH", required=True)
    parser.add_argument("--runtime", metavar="PYTHON", help="one that has sentence-transformers")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--passages", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="texts of a request")
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    parser.add_argument("--json", type=Path, help="a file for the figures of every round")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _parser().parse_args(arguments)
    passages = passages_of(options.model, options.passages)
    rounds = measure(options, passages)
    measured = Measured(options.model.name, options.threads, len(passages), rounds, describe())
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(measured)) + b"\n")
    show(measured)


if __name__ == "__main__":
    main()
