"""Two workers of a thread each against one of two threads: one model, in alternating rounds.

    python -m benchmarks.workers MODEL.gguf --streams 8 --rounds 5

Both have as many slots in all. The ratio is of two workers to one.
"""

from __future__ import annotations

import argparse
import os
import sys
from statistics import median
from typing import TYPE_CHECKING

import msgspec
import uvloop

from benchmarks.jobs import Job, Run, add_setup, setup_of
from benchmarks.machine import Intruders
from benchmarks.processes import running_server
from benchmarks.tables import Row, print_rows
from benchmarks.throughput import PROMPT_TOKENS, serve_job

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers")
    add_setup(parser)
    parser.add_argument("--streams", type=int, nargs="+", default=[8])
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--prompt", type=int, default=PROMPT_TOKENS, help="tokens of a prompt")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    one = setup_of(options)
    two = msgspec.structs.replace(one, threads=one.threads // 2, slots=one.slots // 2)
    with running_server(two, "--workers", "2") as pair, running_server(one) as single:
        for streams in options.streams:
            job = Job(streams, options.tokens, options.prompt)
            halves: tuple[list[Run], list[Run]] = ([], [])
            noise: list[float] = []
            for _ in range(options.rounds):
                for server, runs in zip((pair, single), halves, strict=True):
                    intruders = Intruders([*pair.pids, *single.pids, os.getpid()])
                    runs.append(uvloop.run(serve_job(server, job)))
                    noise.append(intruders.cores())
            print_rows(
                [
                    Row.compared(
                        f"{streams} streams: {what}",
                        [getattr(each, name) for each in halves[0]],
                        [getattr(each, name) for each in halves[1]],
                        note=f"others {median(noise):.2f} cores",
                    )
                    for what, name in (
                        ("decoding (tokens/s)", "decode_rate"),
                        ("in all (tokens/s)", "total_rate"),
                        ("first token (s)", "first_token"),
                    )
                ],
                sys.stdout,
                other="one worker",
            )


if __name__ == "__main__":
    main()
