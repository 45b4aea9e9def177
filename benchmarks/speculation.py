"""What guessed tokens are worth: a server that guesses beside one that does not, round by round.

    python -m benchmarks.speculation MODEL.gguf --looping LOOPING.gguf --rounds 3
    python -m benchmarks.speculation MODEL.gguf --natural --rounds 3
    python -m benchmarks.speculation MODEL.gguf --predicted --rounds 3

Text that never repeats itself, which guessing must not slow down (MODEL with random weights); text
that does nothing else (a file of ``benchmarks.random_gguf --loops``), which is the most that it can
give; and the embedded model repeating what it is told to, with some of it right. With
``--natural``, a model that was taught to talk works on texts that it is given, and tells stories.
With ``--draft DRAFT.gguf`` the server that guesses has a draft model. With ``--predicted``, clients
tell what the answer will be like, for the most part, or do not (``benchmarks.predicted``).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import defaultdict
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.http_client import Connection, chat, decode_rate
from benchmarks.jobs import Setup, add_setup, setup_of
from benchmarks.predicted import measure_predicted
from benchmarks.processes import running_server
from benchmarks.tables import Row, print_rows
from benchmarks.texts import STORIES, TASKS, task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.processes import Server

_TOKENS = 96
_REPEATED = (
    "the quick red fox jumps over the small blue house and runs to the green garden",
    "Bob has two red apples and Anna has three green pears on the old table",
    "one two three four five six seven eight nine ten",
    "first the sun came up and then the birds began to sing in the tall trees",
)


class Kind(NamedTuple):
    """A kind of text, with the file that says it."""

    name: str
    setup: Setup
    contents: Callable[[int], str] | None = None
    """What is asked, by number; digits at random without it, and no answer ends early."""
    temperature: float = 0.0
    at_least: float | None = None
    """Mark of the ratio."""
    alone: float | None = None
    """Mark for one stream, where that is another one."""

    def mark(self, streams: int) -> float | None:
        """The mark of some streams."""
        return self.alone if self.alone and streams == 1 else self.at_least


def bodies(kind: Kind, streams: int, seed: int) -> list[dict[str, Any]]:
    """Requests of a kind, one a stream, different in each round."""
    if kind.contents is None:
        return [chat(24, _TOKENS, greedy=True) for _ in range(streams)]
    return [
        {
            "messages": [{"role": "user", "content": kind.contents(seed * streams + number)}],
            "max_tokens": _TOKENS,
            "temperature": kind.temperature,
            "seed": 100 * seed + number,
        }
        for number in range(streams)
    ]


def _repeating(number: int) -> str:
    return f"Repeat this text: {_REPEATED[number % len(_REPEATED)]}"


def _story(number: int) -> str:
    return STORIES[number % len(STORIES)]


def natural_kinds(setup: Setup) -> list[Kind]:
    """Answers that repeat their prompt, and those that do not."""
    kinds = [
        Kind(f"{name} a text", setup, partial(task, name), at_least=0.98, alone=1.3)
        for name in TASKS
    ]
    return [*kinds, Kind("tells a story", setup, _story, at_least=0.98)]


def predicted_rows(
    setup: Setup, looping: Path | None, streams: Sequence[int], rounds: int
) -> list[Row]:
    """Answers whose text is in the prompt, and those of which nothing is."""
    edits, stories = Kind("", setup, partial(task, "edits")), Kind("", setup, _story)
    demo = Setup("demo", setup.threads, setup.slots, setup.ctx_size)
    kinds = [
        ("edits a text, which is in the prompt", edits, True),
        ("tells a story that it has told", stories, False),
        ("the embedded model repeats", Kind("", demo, _repeating), False),
    ]
    if looping is not None:
        circle = Setup(str(looping), setup.threads, setup.slots, setup.ctx_size)
        kinds.append(("a loop", Kind("", circle), False))
    return [
        measure_predicted(
            f"{name}, {count} stream{'s' * (count > 1)}",
            kind.setup,
            partial(bodies, kind, count),
            rounds,
            in_prompt=in_prompt,
        )
        for name, kind, in_prompt in kinds
        for count in streams
    ]


async def rate(server: Server, asked: Sequence[dict[str, Any]]) -> float:
    """Tokens a second of requests that are answered side by side, from each one's first token on:
    two servers may come to answers of different lengths, behind prompts that take as long."""
    connections = [await Connection.open(server.port) for _ in asked]
    answers = await asyncio.gather(
        *(each.stream(body) for each, body in zip(connections, asked, strict=True))
    )
    for connection in connections:
        connection.close()
    return sum(decode_rate(answer) for answer in answers)


def measure(kind: Kind, streams: Sequence[int], rounds: int, flags: Sequence[str]) -> list[Row]:
    """A row for each number of streams."""
    found: dict[int, list[tuple[float, float]]] = defaultdict(list)
    with ExitStack() as stack:
        guessing = stack.enter_context(running_server(kind.setup, *flags))
        plain = stack.enter_context(running_server(kind.setup, "--no-speculate"))
        for number in range(-1, rounds):  # the first one teaches what a step costs
            for count in streams:
                asked = bodies(kind, count, seed=number + 1)
                pair = [guessing, plain] if number % 2 else [plain, guessing]
                rates = {each: asyncio.run(rate(each, asked)) for each in pair}
                if number >= 0:
                    found[count].append((rates[guessing], rates[plain]))
    return [
        Row.compared(
            f"{kind.name}, {count} stream{'s' * (count > 1)} (tokens/s)",
            *zip(*found[count], strict=True),
            at_least=kind.mark(count),
        )
        for count in streams
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speculation")
    add_setup(parser, ctx_size=1024)
    parser.add_argument("--looping", type=Path, help="a file whose text goes round in circles")
    parser.add_argument("--natural", action="store_true", help="the model was taught to talk")
    parser.add_argument("--predicted", action="store_true", help="answers that clients predict")
    parser.add_argument("--draft", type=Path, help="a draft model")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    setup = setup_of(options)
    if options.predicted:
        rows = predicted_rows(setup, options.looping, options.streams, options.rounds)
        print_rows(rows, sys.stdout, other="without prediction")
        return
    flags = ["--draft-model", str(options.draft)] if options.draft else []
    kinds = [Kind("nothing repeats", setup, at_least=0.98)]
    if options.natural:
        kinds = natural_kinds(setup)
    if options.looping:
        looping = Setup(str(options.looping), setup.threads, setup.slots, setup.ctx_size)
        kinds.append(Kind("a loop", looping, at_least=1.0))
    if not (options.draft or options.natural):
        demo = Setup("demo", setup.threads, setup.slots, setup.ctx_size)
        name = "the embedded model repeats"
        kinds.append(Kind(name, demo, _repeating, temperature=0.2, at_least=0.98))
    rows = [row for each in kinds for row in measure(each, options.streams, options.rounds, flags)]
    print_rows(rows, sys.stdout, other="without guesses")


if __name__ == "__main__":
    main()
