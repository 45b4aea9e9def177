"""A conversation whose model was swapped out and in: with what was known kept, and without.

    python -m benchmarks.swapping MODEL.gguf --conversations 4 --tokens 1500

Says what is handed over and how long that takes, what of the next turn's prompt is read, how soon
its answer begins, and how much of the system's shared memory is taken before and after.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.jobs import add_setup, setup_of
from colonnade.engine import Engine, KeptStates
from colonnade.messages import Decoding, LoadModel, Sampling, TokenPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colonnade.messages import Finish

_NEW = 20
"""Tokens of a further turn."""


class Turn(NamedTuple):
    """What came of the conversations' next turns."""

    read: float
    first_ms: float
    load_seconds: float


async def _say(engine: Engine, history: list[int]) -> Finish:
    decoding = Decoding(Sampling(temperature=0), max_tokens=8, ignore_eos=True, token_ids=True)
    stream = await engine.submit((TokenPart(tuple(history)),), decoding)
    async for output in stream:
        history += output.ids
        if output.finish is not None:
            history += [random.Random(len(history)).randrange(100, 200) for _ in range(_NEW)]
            return output.finish
    raise AssertionError


async def _turn(load: LoadModel, histories: list[list[int]], kept: KeptStates | None) -> Turn:
    """Load the model, let each conversation go on, and swap it out."""
    began = time.perf_counter()
    engine = await Engine.start(load, kept=kept)
    loaded = time.perf_counter() - began
    ends = [await _say(engine, history) for history in histories]
    began = time.perf_counter()
    await engine.retire()
    if kept is not None:
        sys.stdout.write(
            f"handed over {kept.size / 2**20:.1f} MiB in {time.perf_counter() - began:.2f} s; "
            f"shared memory {_shared_memory():.0f} MiB\n"
        )
    read = median(each.prompt_tokens - each.cached_tokens for each in ends)
    return Turn(read, median(each.prompt_ms for each in ends), loaded)


def _shared_memory() -> float:
    """MiB of memory that files in memory take, of the whole system."""
    lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Shmem:"))


async def measure(load: LoadModel, count: int, tokens: int) -> dict[str, Turn]:
    """The second turn, with states kept and without."""
    found = {}
    for name in ("kept", "not kept"):
        kept = KeptStates(load.cache_size << 20) if name == "kept" else None
        dice = random.Random(1)
        histories = [[dice.randrange(100, 200) for _ in range(tokens)] for _ in range(count)]
        await _turn(load, histories, kept)
        found[name] = await _turn(load, histories, kept)
        if kept is not None:
            kept.close()
            sys.stdout.write(f"let go of; shared memory {_shared_memory():.0f} MiB\n")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.swapping")
    add_setup(parser, slots=2)
    parser.add_argument("--conversations", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=1500)
    options = parser.parse_args(arguments)
    setup = setup_of(options)
    load = LoadModel(setup.model, slots=setup.slots, ctx_size=setup.ctx_size, threads=setup.threads)
    found = asyncio.run(measure(load, options.conversations, options.tokens))
    for name, turn in found.items():
        sys.stdout.write(
            f"{name}: {turn.read:.0f} tokens read, first token after {turn.first_ms:.0f} ms, "
            f"loaded in {turn.load_seconds:.2f} s\n"
        )


if __name__ == "__main__":
    main()
