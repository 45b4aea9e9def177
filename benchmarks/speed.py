"""Every figure of docs/performance.md in one run.

    python -m benchmarks.speed --model MODEL.gguf --threads 2 --rounds 3

Without ``--model``, stand-ins with random weights are written first: the shape of a model of half
a billion parameters, and a small one for the requests whose cost is not the model's. ``--quick``
measures the least of everything, to see that it runs.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec
import uvloop

from benchmarks import footprint, latency, machine, throughput
from benchmarks.jobs import Job, Setup
from benchmarks.processes import run_benchmark, running_bare, running_server
from benchmarks.random_gguf import write_random_gguf
from benchmarks.tables import print_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.tables import Row


@dataclass(frozen=True)
class Amount:
    """How much is measured. Lengths in tokens."""

    rounds: int
    tokens: int
    steps: int
    prompts: tuple[int, ...]
    long_prompt: int
    seconds: float


_FULL = Amount(3, 64, 60, (16, 1000), 3000, 5.0)
_QUICK = Amount(1, 8, 8, (16, 64), 256, 0.3)


def sections(setup: Setup, small: Setup, amount: Amount) -> Iterator[tuple[str, list[Row]]]:
    """Measure one thing after the other; yields the rows of each."""
    with running_server(setup) as server, running_bare(setup) as bare:
        for streams, greedy in itertools.product((1, setup.slots), (False, True)):
            job = Job(streams, amount.tokens, throughput.PROMPT_TOKENS, greedy)
            yield "Tokens a second", throughput.measure(server, bare, job, amount.rounds)
        yield "Memory", footprint.memory_rows(server, bare)
        yield "Idle", footprint.idle_rows(server, amount.seconds)
    with running_server(setup) as server:
        work = latency.measure(server, amount.prompts, amount.long_prompt, amount.rounds)
        yield "Waiting", uvloop.run(work)
    with running_server(small) as server:
        yield "Small requests", uvloop.run(latency.measure_small(server, amount.seconds))


def run(setup: Setup, small: Setup, amount: Amount) -> None:
    """Measure and print section by section."""
    print(machine.describe())
    for title, rows in sections(setup, small, amount):
        print_rows(rows, sys.stdout, title)
    sys.stdout.flush()
    run_benchmark("benchmarks.step_work", setup, "--steps", str(amount.steps))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed")
    parser.add_argument("--model", type=Path, metavar="MODEL.gguf")
    parser.add_argument("--small-model", type=Path, metavar="MODEL.gguf")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args(arguments)
    amount = _QUICK if options.quick else _FULL
    if options.rounds is not None:
        amount = Amount(**{**vars(amount), "rounds": options.rounds})
    with TemporaryDirectory() as folder:
        model, small = options.model, options.small_model
        if model is None:
            model = write_random_gguf(Path(folder, "half.gguf"), kind="qwen2", size="0.5b")
        if small is None:
            small = write_random_gguf(Path(folder, "small.gguf"), size="40m")
        setup = Setup(str(model), options.threads, ctx_size=512 if options.quick else 4096)
        run(setup, msgspec.structs.replace(setup, model=str(small)), amount)


if __name__ == "__main__":
    main()
