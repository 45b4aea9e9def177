"""What a prediction is worth: a server that is told of the answer beforehand, and not, in turn.

Part of ``benchmarks.speculation``. The server guesses in both; without the prediction, by earlier
text alone. What is predicted is the text in the prompt, as by a client that has a text edited, or
the model's own answer with a word in twelve replaced, of which nothing is in the prompt.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from benchmarks.http_client import Connection
from benchmarks.processes import running_server
from benchmarks.tables import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.http_client import Answer
    from benchmarks.jobs import Setup
    from benchmarks.processes import Server

    Body = dict[str, Any]

_EVERY = 12
"""One word in so many is another one."""


def replaced(text: str, every: int = _EVERY) -> str:
    """A text with some of its words replaced, its spaces as they are."""
    words = re.split(r"(\s+)", text)
    for at in range(2 * every, len(words), 2 * every):
        words[at] = "something" if words[at] else ""
    return "".join(words)


def quoted(body: Body) -> str:
    """The text that a request is about: what stands behind the instruction."""
    return str(body["messages"][-1]["content"]).partition("\n\n")[2]


def measure_predicted(
    name: str,
    setup: Setup,
    bodies: Callable[[int], list[Body]],
    rounds: int,
    *,
    in_prompt: bool = False,
) -> Row:
    """A row: tokens a second with the prediction and without, for the requests of each round."""
    found: list[tuple[float, float]] = []
    counted = [0, 0]
    with running_server(setup) as server:
        for number in range(-1, rounds):
            asked = bodies(number + 1)
            plain = asyncio.run(_ask(server, asked))
            texts = [quoted(each) for each in asked]
            if not in_prompt:
                texts = [replaced(answer.text) for answer in plain]
            told = [
                body | {"prediction": {"type": "content", "content": text}}
                for body, text in zip(asked, texts, strict=True)
            ]
            pair = [told, asked] if number % 2 else [asked, told]
            rates = {}
            for each in pair:
                answers = asyncio.run(_ask(server, each))
                rates[each is told] = sum(map(_rate, answers))
                if each is told and number >= 0:
                    counted = [a + b for a, b in zip(counted, _counts(answers), strict=True)]
            if number >= 0:
                found.append((rates[True], rates[False]))
    note = f"{counted[0]} accepted, {counted[1]} rejected"
    return Row.compared(f"{name} (tokens/s)", *zip(*found, strict=True), at_least=0.98, note=note)


def _rate(answer: Answer) -> float:
    """Tokens a second by the server's own clock: text may come late that might be a marker."""
    rates = re.findall(rb'"predicted_per_second":([0-9.e+-]+)', b"".join(answer.raw or ()))
    return float(rates[-1])


def _counts(answers: Sequence[Answer]) -> list[int]:
    """The predicted tokens that came true, and those that were guessed in vain."""
    streams = b"".join(part for answer in answers for part in answer.raw or ())
    return [
        sum(map(int, re.findall(rb'"%s_prediction_tokens":(\d+)' % word, streams)))
        for word in (b"accepted", b"rejected")
    ]


async def _ask(server: Server, asked: Sequence[Body]) -> list[Answer]:
    connections = [await Connection.open(server.port) for _ in asked]
    answers = await asyncio.gather(
        *(each.stream(body, keep=True) for each, body in zip(connections, asked, strict=True))
    )
    for connection in connections:
        connection.close()
    return answers
