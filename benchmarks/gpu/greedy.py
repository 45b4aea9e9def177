"""Whether greedy answers are the bare loop's, with the cache and without it.

A card's kernels add up in another order for another number of rows, so that two tokens which are
almost equally likely may change places: what differs is counted, and where it begins is said.
"""

from __future__ import annotations

import codecs
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import msgspec

from benchmarks.gpu.reference import Answers, Task, answered
from benchmarks.gpu.work import FAILURES, told
from benchmarks.processes import running_server
from benchmarks.tables import Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.gpu.clock import Clock
    from benchmarks.gpu.found import Found
    from benchmarks.gpu.work import Work
    from benchmarks.processes import Server

OTHERS: list[str] = []
TASK = Task(prompts=8, shared=48, own=16, tokens=64)
SERVERS = {"cache on": (), "cache off": ("--cache-size", "0")}
ASKED = {"one after the other": 1, "the same again": 1, "together": TASK.prompts}
"""How the prompts are asked of a server, in this order: how many at once."""


def measure(work: Work, found: Found, clock: Clock) -> None:
    """Hold each server against the bare loop."""
    setup = work.with_slots(TASK.prompts)
    expected = answered(setup, TASK, clock.left)
    for name, flags in SERVERS.items():
        if not clock.left:
            found.missing.append(f"{name}: the time was up")
            continue
        try:
            with running_server(setup, *flags) as server:
                for how, most in ASKED.items():
                    texts = _texts(server, expected.prompts, most, clock)
                    found.lines.append(compared(f"{name}, {how}", expected, texts))
        except FAILURES as error:
            found.missing.append(f"{name}: {told(error)}")


def _texts(server: Server, prompts: Sequence[list[int]], most: int, clock: Clock) -> list[str]:
    until = time.monotonic() + max(1.0, clock.left)
    with ThreadPoolExecutor(most) as asking:
        return list(asking.map(partial(_text, server.port, until), prompts))


def _text(port: int, until: float, prompt: list[int]) -> str:
    body = {"prompt": prompt, "max_tokens": TASK.tokens, "temperature": 0, "ignore_eos": True}
    connection = HTTPConnection("127.0.0.1", port, timeout=max(1.0, until - time.monotonic()))
    with closing(connection):
        json = {"Content-Type": "application/json"}
        connection.request("POST", "/v1/completions", msgspec.json.encode(body), json)
        answer = msgspec.json.decode(connection.getresponse().read())
    text: str = answer["choices"][0]["text"]
    return text


def compared(name: str, expected: Answers, texts: Sequence[str]) -> Row:
    """A row that says how many tokens are the same, and where others begin."""
    pairs = list(zip(expected.pieces, texts, strict=True))
    same = [equal_tokens(pieces, text) for pieces, text in pairs]
    differ = [
        f"{number + 1} at token {count + 1}"
        for number, (count, (pieces, _)) in enumerate(zip(same, pairs, strict=True))
        if count < len(pieces)
    ]
    total = sum(len(pieces) for pieces in expected.pieces)
    return Row(
        f"{name}: tokens as the bare loop's",
        f"{sum(same)} of {total}",
        met=not differ,
        note=f"other: answer {', '.join(differ)}" if differ else "",
    )


def equal_tokens(pieces: Sequence[bytes], text: str) -> int:
    """How many tokens a text begins with, of those whose bytes are given."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    at = 0
    for number, piece in enumerate(pieces):
        said = decoder.decode(piece)
        if text[at : at + len(said)] != said:
            return number
        at += len(said)
    return len(pieces)
