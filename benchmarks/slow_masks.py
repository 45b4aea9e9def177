"""Streams of free text beside an answer whose masks take longer than a step.

    python -m benchmarks.slow_masks MODEL.gguf --threads 2

Rounds alternate: the streams alone, beside an answer of free text, and beside an answer that is
held to a regular expression whose lexer comes to new states with every token. What it costs the
streams more than the free answer does is what its masks cost them.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import closing
from itertools import pairwise
from statistics import mean
from typing import TYPE_CHECKING, Any

import uvloop

from benchmarks.http_client import Answer, Connection, chat
from benchmarks.jobs import add_setup, setup_of
from benchmarks.processes import running_server
from benchmarks.tables import Row, percentile, print_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.processes import Server

_PATTERN = "([a-z]*[aeiou][a-z]{16})*"
_STREAMS = 3
_AT_MOST = 1.10


class Gaps:
    """Seconds between tokens of streams, of several rounds, and how many tokens a second an answer
    beside them had."""

    def __init__(self) -> None:
        self.means: list[float] = []
        self.tails: list[float] = []
        self.rates: list[float] = []

    def note(self, streams: Sequence[Answer], beside: Answer | None) -> None:
        """Take in a round. Only the time counts in which the other answer grew."""
        begin, end = 0.0, float("inf")
        if beside is not None:
            arrivals = beside.text_arrivals
            begin, end = arrivals[0], arrivals[-1]
            self.rates.append((len(arrivals) - 1) / max(end - begin, 1e-9))
        found = [pair for stream in streams for pair in pairwise(stream.text_arrivals)]
        gaps = [two - one for one, two in found if begin <= one and two <= end] or [0.0]
        self.means.append(mean(gaps) * 1e3)
        self.tails.append(percentile(gaps, 99) * 1e3)


def _held(body: dict[str, Any]) -> dict[str, Any]:
    body = body | {
        "structured_outputs": {"regex": _PATTERN},
        "chat_template_kwargs": {"enable_thinking": False},
    }
    body.pop("ignore_eos")
    return body


async def one_round(server: Server, tokens: int, beside: dict[str, Any] | None) -> Gaps:
    """Let some streams run, and one other answer beside them."""
    gaps = Gaps()
    connections = [await Connection.open(server.port) for _ in range(_STREAMS)]
    with closing(await Connection.open(server.port)) as other:
        bodies = [chat(8, tokens) for _ in connections]
        pairs = zip(connections, bodies, strict=True)
        streams = [asyncio.create_task(each.stream(body)) for each, body in pairs]
        answer = None if beside is None else await other.stream(beside)
        gaps.note(await asyncio.gather(*streams), answer)
    for each in connections:
        each.close()
    return gaps


def measure(server: Server, tokens: int, rounds: int) -> list[Row]:
    """Gaps of the streams, in alternating rounds."""
    free = chat(8, tokens // 2)
    held = _held(chat(8, tokens // 2))
    found: dict[str, list[Gaps]] = {"alone": [], "free": [], "held": []}
    for number in range(rounds):
        for name, body in (("alone", None), ("free", free), ("held", held)):
            beside = None if body is None else body | {"seed": number}
            found[name].append(uvloop.run(one_round(server, tokens, beside)))

    def figures(name: str, kind: str) -> list[float]:
        return [value for gaps in found[name] for value in getattr(gaps, kind)]

    return [
        Row.compared(
            f"mean gap of {_STREAMS} streams, ms, beside the pattern (other: beside free text)",
            figures("held", "means"),
            figures("free", "means"),
            at_most=_AT_MOST,
        ),
        Row.compared(
            "... 99 of 100 gaps, ms",
            figures("held", "tails"),
            figures("free", "tails"),
        ),
        Row.compared(
            "mean gap, ms, beside the pattern (other: alone)",
            figures("held", "means"),
            figures("alone", "means"),
        ),
        Row.compared(
            "tokens/s of the answer itself (other: free text)",
            figures("held", "rates"),
            figures("free", "rates"),
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slow_masks")
    add_setup(parser, slots=_STREAMS + 1)
    parser.add_argument("--tokens", type=int, default=200, help="of each stream")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    with running_server(setup_of(options)) as server:
        rows = measure(server, options.tokens, options.rounds)
    print_rows(rows, sys.stdout, "Beside slow masks", other="other")


if __name__ == "__main__":
    main()
