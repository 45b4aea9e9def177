"""Colonnade beside llama-server: the same file, threads, slots and requests, round by round.

    python -m benchmarks.compare MODEL.gguf --llama-server LLAMA_SERVER [--picture FILE.svg]

Both servers have the model loaded; one is idle while the other runs. A ratio is the median over
the rounds of ours to theirs, each pair measured one after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.constrained import ask, document
from benchmarks.http_client import Connection, chat
from benchmarks.jobs import Setup, add_setup, setup_of
from benchmarks.processes import running_llama_server, running_server
from benchmarks.tables import Row, percentile, print_rows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from benchmarks.http_client import Answer

    Workload = Callable[[int], Awaitable[dict[str, float]]]

_SYSTEM_WORDS = 600
_SHARING = 16
_SHORT_WORD = 3
_CONVERSATIONS, _TURNS, _TALKING = 12, 4, 4
_SHORT, _LONG_TOKENS = 4, 2500
_README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
_WORDS = sorted({word for word in _README.split() if word.isalpha() and len(word) <= _SHORT_WORD})
"""Made-up vocabularies take several tokens for a word; of short ones about as many as real ones."""

Figures = dict[str, float]


@dataclass(frozen=True)
class Mark:
    """A figure's name, and what its ratio has to be."""

    name: str
    at_least: float | None = None
    at_most: float | None = None


MARKS = (
    Mark("1 stream, tokens/s", at_least=1.0),
    Mark("1 stream, first token, ms", at_most=1.0),
    Mark("8 streams, tokens/s", at_least=1.1),
    Mark("16 streams, tokens/s", at_least=1.1),
    Mark("shared 600-word prompt, requests/s", at_least=1.5),
    Mark("12 conversations, requests/s", at_least=2.0),
    Mark("12 conversations, first token, ms", at_most=0.5),
    Mark("JSON schema, 1 stream, documents/s", at_least=5.0),
    Mark("JSON schema, 4 streams, documents/s", at_least=5.0),
    Mark("one-token requests/s", at_least=1.0),
    Mark("mixed, p99 gap of short streams, ms", at_most=0.5),
)


def _words(count: int, seed: object) -> str:
    """Text of some words, different for each seed."""
    return " ".join(random.Random(str(seed)).choices(_WORDS, k=count))


def _body(messages: list[dict[str, str]], tokens: int) -> dict[str, Any]:
    body = chat(1, tokens, greedy=True)
    body["messages"] = messages
    return body


async def _streams(port: int, bodies: Sequence[dict[str, Any]], most: int) -> list[Answer]:
    """Stream all bodies, ``most`` at a time; the answers in their order."""
    answers: list[Answer | None] = [None] * len(bodies)
    waiting = iter(enumerate(bodies))

    async def work() -> None:
        for number, body in waiting:
            connection = await Connection.open(port)  # llama-server closes it after a stream
            answers[number] = await connection.stream(body, keep=True)
            connection.close()

    await asyncio.gather(*(work() for _ in range(most)))
    return [answer for answer in answers if answer is not None]


async def generating(port: int) -> Figures:
    """One stream, and 8 and 16 of them."""
    found: Figures = {}
    for streams in (1, 8, 16):
        began = time.perf_counter()
        answers = await _streams(port, [chat(24, 96, greedy=True) for _ in range(streams)], streams)
        took = time.perf_counter() - began
        name = f"{streams} stream{'s' * (streams > 1)}"
        if streams == 1:
            arrivals = answers[0].text_arrivals
            found[f"{name}, first token, ms"] = answers[0].first_token * 1e3
            found[f"{name}, tokens/s"] = (len(arrivals) - 1) / (arrivals[-1] - arrivals[0])
        else:
            found[f"{name}, tokens/s"] = sum(answer.tokens for answer in answers) / took
    return found


async def sharing(port: int) -> Figures:
    """Requests that arrive together, after the same system prompt."""
    seed = time.perf_counter_ns()
    system = {"role": "system", "content": _words(_SYSTEM_WORDS, seed)}
    bodies = [
        _body([system, {"role": "user", "content": _words(12, (seed, number))}], 16)
        for number in range(_SHARING)
    ]
    began = time.perf_counter()
    await _streams(port, bodies, _SHARING)
    return {"shared 600-word prompt, requests/s": _SHARING / (time.perf_counter() - began)}


async def conversing(port: int) -> Figures:
    """More conversations than slots, turn by turn."""
    seed = time.perf_counter_ns()
    talks = [
        [{"role": "system", "content": _words(150, (seed, number))}]
        for number in range(_CONVERSATIONS)
    ]
    took, firsts = 0.0, []
    for turn in range(_TURNS):
        for number, talk in enumerate(talks):
            talk.append({"role": "user", "content": _words(30, (seed, number, turn))})
        began = time.perf_counter()
        answers = await _streams(port, [_body(talk, 16) for talk in talks], _TALKING)
        if turn:
            took += time.perf_counter() - began
            firsts += [answer.first_token * 1e3 for answer in answers]
        for talk, answer in zip(talks, answers, strict=True):
            talk.append({"role": "assistant", "content": answer.text})
    return {
        "12 conversations, requests/s": _CONVERSATIONS * (_TURNS - 1) / took,
        "12 conversations, first token, ms": percentile(firsts, 50),
    }


async def documents(port: int) -> Figures:
    """JSON of a schema."""
    found: Figures = {}
    for streams in (1, 4):
        asked = await ask(port, [document(number) for number in range(2 * streams)], streams)
        name = f"JSON schema, {streams} stream{'s' * (streams > 1)}, documents/s"
        found[name] = asked.whole / asked.seconds
    return found


async def mixing(port: int) -> Figures:
    """Short chats whose tokens should keep coming while long prompts are read."""
    bodies = [chat(16, 160, greedy=True) for _ in range(_SHORT)]
    reading = [chat(_LONG_TOKENS, 4, greedy=True) for _ in range(2)]
    answers, _ = await asyncio.gather(_streams(port, bodies, _SHORT), _streams(port, reading, 1))
    gaps = [b - a for each in answers for a, b in pairwise(each.text_arrivals)]
    return {"mixed, p99 gap of short streams, ms": percentile(gaps, 99) * 1e3}


async def single_tokens(port: int) -> Figures:
    """Requests for one token each, 8 at a time."""
    bodies = [chat(8, 1, greedy=True) for _ in range(200)]
    began = time.perf_counter()
    connections = [await Connection.open(port) for _ in range(8)]
    waiting = iter(bodies)

    async def work(connection: Connection) -> None:
        for body in waiting:
            await connection.whole(body)

    await asyncio.gather(*map(work, connections))
    for connection in connections:
        connection.close()
    return {"one-token requests/s": len(bodies) / (time.perf_counter() - began)}


async def _figures(workload: Workload, port: int) -> Figures:
    return await workload(port)


def measure(
    setup: Setup, binary: str, rounds: int, workloads: Sequence[Workload]
) -> dict[str, list[tuple[float, float]]]:
    """Run the workloads on both servers in turn: (ours, theirs) for each figure and round."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with running_server(setup) as ours, running_llama_server(binary, setup) as theirs:
        for number in range(rounds):
            for workload in workloads:
                pair = (ours, theirs) if number % 2 == 0 else (theirs, ours)
                figures = [asyncio.run(_figures(workload, server.port)) for server in pair]
                if number % 2:
                    figures.reverse()
                for name in figures[0]:
                    found[name].append((figures[0][name], figures[1][name]))
                    print(f"round {number + 1}: {name}: {found[name][-1]}", file=sys.stderr)
    return found


def rows(found: dict[str, list[tuple[float, float]]]) -> list[Row]:
    """The table, in the order of the marks."""
    made = []
    for mark in MARKS:
        if mark.name in found:
            one, two = zip(*found[mark.name], strict=True)
            made.append(
                Row.compared(mark.name, one, two, at_least=mark.at_least, at_most=mark.at_most)
            )
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare")
    add_setup(parser)
    parser.add_argument("--llama-server", required=True, metavar="PATH")
    parser.add_argument("--small-model", type=Path, help="for the one-token requests")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[], help="names of workloads")
    parser.add_argument("--picture", type=Path, help="an SVG file")
    options = parser.parse_args(arguments)
    setup = setup_of(options)
    workloads = [generating, sharing, conversing, documents, mixing]
    chosen = [each for each in workloads if not options.only or each.__name__ in options.only]
    found = measure(setup, options.llama_server, options.rounds, chosen)
    if options.small_model and (not options.only or "single_tokens" in options.only):
        small = Setup(str(options.small_model), setup.threads, setup.slots, 2048, setup.batch_size)
        found |= measure(small, options.llama_server, options.rounds, [single_tokens])
    print_rows(rows(found), sys.stdout, other="llama-server", picture=options.picture)


if __name__ == "__main__":
    main()
