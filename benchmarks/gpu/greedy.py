"""Whether greedy answers are the bare loop's, with the cache and without it.

Kernels add up in another order for another number of rows, so that two tokens which are almost
equally likely may change places where a prompt is read in other pieces, and on a card where others
decode in the same step: what differs is counted, and it is said where that begins and by how much
the bare loop's token was ahead of its next there.
"""

from __future__ import annotations

import asyncio
import codecs
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from benchmarks.gpu.reference import Answers, Task, answered
from benchmarks.gpu.work import FAILURES, told, within
from benchmarks.http_client import Connection
from benchmarks.processes import running_server
from benchmarks.tables import Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.gpu.clock import Clock
    from benchmarks.gpu.found import Found
    from benchmarks.gpu.work import Work

OTHERS: list[str] = []
ALONE_HOW = "alone"
"""Read in one piece, and nothing beside it: nothing may differ."""
TOKENS = 48
_SLOTS = 8
ALONE = Task(seed=0, prompts=_SLOTS, shared=0, own=64, tokens=TOKENS)
TOGETHER = Task(seed=1, prompts=_SLOTS, shared=0, own=64, tokens=TOKENS)
SHARING = Task(seed=2, prompts=_SLOTS, shared=48, own=16, tokens=TOKENS)
TASKS = (ALONE, TOGETHER, SHARING)


class Asked(NamedTuple):
    """Prompts of a task, and how many of them at once."""

    how: str
    task: Task
    most: int


SERVERS = {
    "cache off": ("--cache-size", "0"),
    "cache on": (),
}
ASKED = {
    # no two prompts begin alike and none comes twice, since a slot keeps what it read last
    "cache off": (Asked(ALONE_HOW, ALONE, 1), Asked("together", TOGETHER, _SLOTS)),
    "cache on": (
        Asked(ALONE_HOW, ALONE, 1),
        Asked("alone, again", ALONE, 1),
        Asked("together, beginning alike", SHARING, _SLOTS),
    ),
}


def measure(work: Work, found: Found, clock: Clock) -> None:
    """Hold each server against the bare loop."""
    setup = work.with_slots(_SLOTS)
    expected = dict(
        zip([task.seed for task in TASKS], answered(setup, TASKS, clock.left), strict=True)
    )
    for name, flags in SERVERS.items():
        if not clock.left:
            found.missing.append(f"{name}: the time was up")
            continue
        try:
            with running_server(setup, *flags) as server:
                for how, task, most in ASKED[name]:
                    answers = expected[task.seed]
                    asking = _texts(server.port, answers.prompts, most)
                    texts = within(clock.left + 5, asking)
                    whole = how == ALONE_HOW
                    found.lines.append(compared(f"{name}, {how}", answers, texts, must=whole))
        except FAILURES as error:
            found.missing.append(f"{name}: {told(error)}")


async def _texts(port: int, prompts: Sequence[list[int]], most: int) -> list[str]:
    """The answers in the order of the prompts, ``most`` at a time."""
    texts = [""] * len(prompts)
    waiting = iter(enumerate(prompts))

    async def work() -> None:
        with closing(await Connection.open(port)) as connection:
            for number, prompt in waiting:
                body = {"prompt": prompt, "max_tokens": TOKENS, "temperature": 0}
                answer = await connection.whole(body | {"ignore_eos": True})
                said = msgspec.json.decode(answer.partition(b"\r\n\r\n")[2])
                texts[number] = said["choices"][0]["text"]

    await asyncio.gather(*(work() for _ in range(most)))
    return texts


def compared(name: str, expected: Answers, texts: Sequence[str], *, must: bool) -> Row:
    """A row that says how many tokens are the same, and where others begin. ``must``: all."""
    pairs = list(zip(expected.pieces, texts, strict=True))
    same = [equal_tokens(pieces, text) for pieces, text in pairs]
    differ = [
        f"{number + 1} at token {count + 1} ({margins[count]:.3f})"
        for number, (count, margins) in enumerate(zip(same, expected.margins, strict=True))
        if count < len(margins)
    ]
    total = sum(len(pieces) for pieces in expected.pieces)
    return Row(
        f"{name}: tokens as the bare loop's",
        f"{sum(same)} of {total}",
        mark="all" if must else "",
        met=not differ if must else None,
        note=f"other: answer {', '.join(differ)}" if differ else "",
    )


def equal_tokens(pieces: Sequence[bytes], text: str) -> int:
    """How many tokens a text begins with, of those whose bytes are given."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    at = same = 0
    for number, piece in enumerate(pieces):
        said = decoder.decode(piece)
        if text[at : at + len(said)] != said:
            return same
        at += len(said)
        if not decoder.getstate()[0]:  # no character is waiting for its end
            same = number + 1
    return len(pieces)
