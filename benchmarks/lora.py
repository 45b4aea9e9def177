"""Adapters chosen by requests: streams of two adapters beside streams of one, and llama-server.

    python -m benchmarks.lora MODEL.gguf --streams 8 --rounds 3 [--llama-server PATH]

Two random adapters are made for the model. What streams of two sets share is the server, and no
step; so the mark is what half as many streams of one set reach alone, less what the changes cost.
With llama-server, the answers of both to the same requests are compared, too.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from benchmarks.http_client import Connection, chat
from benchmarks.jobs import add_setup, setup_of
from benchmarks.processes import running_llama_server, running_server
from benchmarks.random_lora import write_random_lora
from benchmarks.tables import Row, print_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.jobs import Setup
    from benchmarks.processes import Server

_ONE: list[dict[str, Any]] = [{"id": 0, "scale": 1.0}]
_TWO: list[dict[str, Any]] = [{"id": 1, "scale": 1.0}]
_NONE: list[dict[str, Any]] = [{"id": 0, "scale": 0.0}]

_SIZE = 0.05
"""Of the adapters' numbers: what is said is another text, and still one."""

_LEAST = 0.8
"""Of the speed of half of the streams alone."""

_QUESTIONS = ("Tell me a story.", "What is rain?", "Count to ten.")


def _bodies(streams: int, tokens: int, *sets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Requests whose adapters are those of the sets, in turn."""
    return [
        chat(24, tokens, greedy=True) | {"lora": sets[number % len(sets)]}
        for number in range(streams)
    ]


def measure(
    servers: dict[str, Server], streams: int, rounds: int, tokens: int
) -> dict[str, dict[str, list[float]]]:
    """Tokens a second of each server by kind of load, in the order of the rounds."""
    half = max(1, streams // 2)
    loads: dict[str, tuple[int, tuple[list[dict[str, Any]], ...]]] = {
        "no adapter": (streams, (_NONE,)),
        "one adapter": (streams, (_ONE,)),
        "half as many streams, one adapter": (half, (_ONE,)),
        "two adapters": (streams, (_ONE, _TWO)),
        "an adapter and none": (streams, (_ONE, _NONE)),
    }
    found: dict[str, dict[str, list[float]]] = {each: defaultdict(list) for each in servers}
    for number in range(-1, rounds):  # the first one warms up
        for name, (count, sets) in loads.items():
            for each in sorted(servers, reverse=bool(number % 2)):
                speed = asyncio.run(_rate(servers[each], _bodies(count, tokens, *sets)))
                if number >= 0:
                    found[each][name].append(speed)
    return found


async def _rate(server: Server, asked: Sequence[dict[str, Any]]) -> float:
    """Tokens a second of all requests together, from the first one's sending to the last one's end:
    who waits while another set has its turn, or all turns, has waited."""
    connections = [await Connection.open(server.port) for _ in asked]
    began = time.perf_counter()
    answers = await asyncio.gather(
        *(each.stream(body) for each, body in zip(connections, asked, strict=True))
    )
    took = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return sum(answer.tokens for answer in answers) / took


def rows(
    ours: dict[str, list[float]], streams: int, theirs: dict[str, list[float]] | None
) -> list[Row]:
    """What a set costs, and what two cost."""
    alone = "half as many streams, one adapter"
    found = [
        Row.compared(
            f"{streams} streams, one adapter; to none (tokens/s)",
            ours["one adapter"],
            ours["no adapter"],
        ),
        *(
            Row.compared(
                f"{streams} streams, {name}; to half as many of one (tokens/s)",
                ours[name],
                ours[alone],
                at_least=_LEAST,
            )
            for name in ("two adapters", "an adapter and none")
        ),
    ]
    if theirs is not None:
        found += [
            Row.compared(
                f"{streams} streams, {name}; to llama-server (tokens/s)", ours[name], theirs[name]
            )
            for name in ours
            if name != alone
        ]
    return found


async def said(server: Server, tokens: int) -> list[str]:
    """Greedy answers with each set, one after the other."""
    texts = []
    for lora in (_NONE, _ONE, _TWO, [{"id": 0, "scale": 0.5}, {"id": 1, "scale": -0.5}]):
        for question in _QUESTIONS:
            body = {
                "messages": [{"role": "user", "content": question}],
                "max_tokens": tokens,
                "temperature": 0,
                "lora": lora,
                "cache_prompt": False,
            }
            connection = await Connection.open(server.port)  # one may be closed behind a stream
            texts.append((await connection.stream(body, keep=True)).text)
            connection.close()
    return texts


def run(setup: Setup, llama_server: str | None, streams: int, rounds: int, tokens: int) -> None:
    """Measure and print."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        paths = {seed: Path(folder) / f"{seed}.gguf" for seed in (1, 2)}
        for seed, path in paths.items():
            write_random_lora(setup.model, path, seed=seed, size=_SIZE)
        adapters = [word for path in paths.values() for word in ("--lora", str(path))]
        servers = {"ours": stack.enter_context(running_server(setup, "--no-speculate", *adapters))}
        if llama_server:
            flags = [*adapters, "--lora-init-without-apply"]
            context = running_llama_server(llama_server, setup, *flags)
            servers["theirs"] = stack.enter_context(context)
        found = measure(servers, streams, rounds, tokens)
        print_rows(rows(found["ours"], streams, found.get("theirs")), sys.stdout, other="other")
        if llama_server:
            texts = [asyncio.run(said(each, 16)) for each in servers.values()]
            alike = sum(one == other for one, other in zip(*texts, strict=True))
            print(f"greedy answers like llama-server's: {alike} of {len(texts[0])}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lora")
    add_setup(parser, ctx_size=1024)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--llama-server", metavar="PATH", help="to measure beside")
    options = parser.parse_args(arguments)
    run(setup_of(options), options.llama_server, options.streams, options.rounds, options.tokens)


if __name__ == "__main__":
    main()
