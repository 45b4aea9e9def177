"""How far log probabilities move when the same request comes again: cold, cached and among others;
and what it costs to let them not move at all.

    python -m benchmarks.repeatability MODEL.gguf

Every answer is held against the first one of its prompt, on a server's engine that is otherwise
idle. Prices are tokens a second, of the default and of `batch_invariant` in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from contextlib import AsyncExitStack
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.texts import PASSAGES, STORIES
from colonnade.engine import Bounds, Engine
from colonnade.messages import Decoding, LoadModel, Sampling, TextPart

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROMPTS = [*STORIES[:10], *(f"{passage} In short:" for passage in PASSAGES), *STORIES[10:15]]
_TOKENS = 32
_STREAMS = 8
_LONG = " ".join(PASSAGES * 2)


class Answer(NamedTuple):
    """Token ids, each with its log probability; and the tokens of the prompt."""

    entries: tuple[tuple[int, float], ...]
    prompt_tokens: int


class Moved(NamedTuple):
    """What became of the second answers to some prompts: how many have another token in them, and
    the most that a log probability changed before that, of the first token and of any."""

    texts: int
    first: float
    most: float


async def ask(engine: Engine, prompt: str, tokens: int = _TOKENS, *, seen: bool = True) -> Answer:
    """A greedy answer. ``seen``: with its log probabilities; without them guesses are allowed."""
    decoding = Decoding(
        Sampling(temperature=0), max_tokens=tokens, logprobs=0 if seen else None, ignore_eos=True
    )
    stream = await engine.submit((TextPart(prompt),), decoding, add_bos=engine.info.add_bos)
    entries: list[tuple[int, float]] = []
    length = 0
    async for output in stream:
        entries += [(each.id, each.logprob or 0.0) for each in output.logprobs]
        length = output.finish.prompt_tokens if output.finish is not None else length
    return Answer(tuple(entries), length)


def moved(first: Sequence[Answer], second: Sequence[Answer]) -> Moved:
    """Compare answers to the same prompts."""
    texts, firsts, most = 0, 0.0, 0.0
    for one, other in zip(first, second, strict=True):
        firsts = max(firsts, _apart(one.entries[0], other.entries[0]))
        for mine, theirs in zip(one.entries, other.entries, strict=True):
            if mine[0] != theirs[0]:
                texts += 1
                break
            most = max(most, _apart(mine, theirs))
    return Moved(texts, firsts, most)


def _apart(one: tuple[int, float], other: tuple[int, float]) -> float:
    return abs(one[1] - other[1]) if one[0] == other[0] else 0.0


async def steadiness(load: LoadModel) -> dict[str, Moved]:
    """What moves when prompts come again, in several ways."""
    found: dict[str, Moved] = {}
    async with AsyncExitStack() as stack:
        engine = await Engine.start(load, bounds=Bounds(queue_size=256))
        stack.push_async_callback(engine.close)
        first = [await ask(engine, prompt) for prompt in _PROMPTS]
        again = [await ask(engine, prompt) for prompt in _PROMPTS]
        found["again, cached"] = moved(first, again)
        beside: list[Answer] = []
        for start in range(0, len(_PROMPTS), _STREAMS):
            batch = _PROMPTS[start : start + _STREAMS]
            beside += await asyncio.gather(*(ask(engine, prompt) for prompt in batch))
        found[f"{_STREAMS} at once"] = moved(first, beside)
    async with AsyncExitStack() as stack:
        engine = await Engine.start(load, bounds=Bounds(queue_size=256))
        stack.push_async_callback(engine.close)
        cold = [await ask(engine, prompt) for prompt in reversed(_PROMPTS)]
        found["cold, in another order"] = moved(first, cold[::-1])
    return found


async def prices(loads: Sequence[LoadModel], rounds: int) -> list[list[float]]:
    """For each way to load, tokens a second: of reading a prompt, and of 1 and 8 answers."""
    async with AsyncExitStack() as stack:
        engines = []
        for load in loads:
            engines.append(await Engine.start(load, bounds=Bounds(queue_size=256)))
            stack.push_async_callback(engines[-1].close)
        found: list[list[list[float]]] = [[[], [], []] for _ in loads]
        for number in range(rounds):
            for each, engine in zip(found, engines, strict=True):
                for kind, speed in enumerate(await _speeds(engine, number)):
                    each[kind].append(speed)
    return [[median(speeds) for speeds in each] for each in found]


async def _speeds(engine: Engine, number: int) -> tuple[float, float, float]:
    began = time.perf_counter()
    length = (await ask(engine, f"{number} {_LONG}", 1, seen=False)).prompt_tokens
    read = time.perf_counter()
    await ask(engine, STORIES[number % len(STORIES)], 64, seen=False)
    alone = time.perf_counter()
    prompts = [f"{number} {story}" for story in STORIES[:_STREAMS]]
    await asyncio.gather(*(ask(engine, prompt, 64, seen=False) for prompt in prompts))
    together = time.perf_counter()
    return length / (read - began), 64 / (alone - read), 64 * _STREAMS / (together - alone)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.repeatability")
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only-prices", action="store_true")
    options = parser.parse_args(arguments)
    loads = [
        LoadModel(
            options.model,
            slots=_STREAMS,
            ctx_size=2048,
            batch_invariant=invariant,
            choose_wait=True,
        )
        for invariant in (False, True)
    ]
    for load in [] if options.only_prices else loads:
        sys.stdout.write(f"batch_invariant: {load.batch_invariant}\n")
        for way, each in asyncio.run(steadiness(load)).items():
            sys.stdout.write(
                f"  {way}: {each.texts} of {len(_PROMPTS)} answers have other tokens; a log "
                f"probability moved by {each.most:.4f}, a first token's by {each.first:.4f}\n"
            )
    kinds = ("reading", "1 stream", f"{_STREAMS} streams")
    plain, invariant = asyncio.run(prices(loads, options.rounds))
    for kind, usual, kept in zip(kinds, plain, invariant, strict=True):
        sys.stdout.write(f"{kind}: {kept / usual:.2f} of the default's {usual:.0f} tokens/s\n")


if __name__ == "__main__":
    main()
