"""Colonnade beside llama-server: the same file, threads, slots and requests, round by round.

    python -m benchmarks.compare MODEL.gguf --llama-server LLAMA_SERVER [--picture FILE.svg]
    python -m benchmarks.compare MODEL.gguf --llama-server LLAMA_SERVER --llama-cpp-python PYTHON
    python -m benchmarks.compare --from-json FILE.json [FILE.json ...] --picture FILE.svg

Each server runs as its own user would start it: with its own defaults but for the file, threads,
slots and context, and in an environment that is none of ours (llama-cpp-python's with three more
flags, without which it would be slower). All have the model loaded; the
others are idle while one runs. A ratio is the median over the rounds of ours to theirs, each pair
measured one after the other. llama-cpp-python's server, which answers one request at a time, is
there to be seen; the marks are llama-server's.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from math import inf
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from benchmarks.contenders import OURS, PYTHONS, THEIRS, Beside, contenders
from benchmarks.jobs import Job, Setup, add_setup, setup_of
from benchmarks.machine import describe
from benchmarks.picture import Bar, drawn
from benchmarks.processes import (
    llama_cpp_python_flags,
    llama_server_flags,
    model_flags,
    running_bare,
)
from benchmarks.tables import NONE, Row, number, print_rows, ratios, spread
from benchmarks.workloads import NEED_TALK, STREAMS, WORKLOADS, Figures, single_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.processes import Bare
    from benchmarks.workloads import Workload

Round = dict[str, Figures]
"""Each server's figures; those that it could not give are missing."""


@dataclass(frozen=True)
class Mark:
    """A figure's name, and what its ratio has to be."""

    name: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def less_is_better(self) -> bool:
        """Whether the figure is a time."""
        return self.name.endswith(", ms")


MARKS = (
    Mark("1 stream, tokens/s", at_least=1.0),
    Mark("1 stream, sampled, tokens/s", at_least=1.0),
    Mark("1 stream, first token, ms", at_most=1.0),
    Mark("1 stream beside a busy neighbour, tokens/s", at_least=1.0),
    Mark("8 streams, tokens/s", at_least=1.0),
    Mark("8 streams, sampled, tokens/s", at_least=1.0),
    Mark("16 streams, tokens/s", at_least=1.0),
    Mark("16 streams, sampled, tokens/s", at_least=1.0),
    Mark("shared 600-word prompt, requests/s", at_least=3.0),
    Mark("12 conversations, requests/s", at_least=1.0),
    Mark("12 conversations, first token, ms", at_most=0.7),
    Mark("JSON schema, 1 stream, documents/s", at_least=5.0),
    Mark("JSON schema, 4 streams, documents/s", at_least=5.0),
    Mark("named tool, 1 stream, calls/s", at_least=5.0),
    Mark("named tool, 4 streams, calls/s", at_least=5.0),
    Mark("one-token requests/s", at_least=1.0),
    Mark("mixed, p99 gap of short streams, ms", at_most=0.5),
)

COSTS = tuple(
    Mark(f"{streams}, {whose} time a token, ms")
    for streams in ("1 stream", "8 streams", "16 streams")
    for whose in ("CPU", "the client's CPU")
)
"""What the figures took, which is no aim by itself: shown below them, not in the picture."""


class Measured(msgspec.Struct):
    """What a run of this program found, as ``--json`` keeps it."""

    setup: Setup
    rounds: list[Round]
    machine: str = ""
    flags: dict[str, str] = {}
    """By server, what its command line says; the rest is its own default."""
    noise: list[Figures] = []
    """The bare loop's figures before each round."""

    def figures(self, name: str, server: str) -> list[float | None]:
        """A figure of a server, for each round."""
        return [each.get(server, {}).get(name) for each in self.rounds]

    @property
    def names(self) -> list[str]:
        """The figures that somebody gave, in the order of the marks."""
        there = {name for each in self.rounds for figures in each.values() for name in figures}
        return [mark.name for mark in (*MARKS, *COSTS) if mark.name in there]

    @property
    def others(self) -> list[str]:
        """The servers beside llama-server that were measured."""
        return [PYTHONS] if any(PYTHONS in each for each in self.rounds) else []


class Rounds(NamedTuple):
    """How often each thing is measured."""

    streams: int
    others: int

    def workloads(self, nth: int, names: Sequence[str]) -> list[Workload]:
        """What is measured in a round, the first one being 0."""
        return [
            each
            for name in names
            for each in WORKLOADS.get(name, ())
            if nth < (self.streams if each in STREAMS else self.others)
        ]


def measure(
    setup: Setup, beside: Beside, rounds: Rounds, names: Sequence[str]
) -> tuple[list[Round], list[Figures]]:
    """Run the workloads on all servers in turn, each round beginning with another one.

    Returns the rounds, and what the bare loop did before each of them: how much that differs is
    the machine's own noise.
    """
    found: list[Round] = []
    noise: list[Figures] = []
    with ExitStack() as running:
        servers = contenders(setup, beside)
        bare = running.enter_context(running_bare(setup))
        for server in servers:
            running.enter_context(server)
        for nth in range(max(rounds)):
            noise.append(bare_rates(bare))
            found.append({server.name: {} for server in servers})
            first = nth % len(servers)
            for workload in rounds.workloads(nth, names):
                for server in servers[first:] + servers[:first]:
                    figures = server.figures(workload, beside.limit)
                    found[-1][server.name] |= figures
                    _tell(nth, server.name, figures)
            _tell(nth, "the bare loop", noise[-1])
    return found, noise


def measure_small(setup: Setup, beside: Beside, rounds: int) -> list[Round]:
    """The requests whose cost is not the model's, on a small file."""
    with ExitStack() as running:
        servers = [running.enter_context(each) for each in contenders(setup, beside)]
        return [
            {server.name: server.figures(single_tokens, beside.limit) for server in servers}
            for _ in range(rounds)
        ]


def bare_rates(bare: Bare) -> Figures:
    """Tokens a second of the bare loop, in a second or two."""
    jobs = {f"{count} stream{'s' * (count > 1)}": Job(count, 32, 24, True) for count in (1, 8)}
    return {f"{name}, tokens/s": bare.run(job).decode_rate for name, job in jobs.items()}


def _tell(nth: int, server: str, figures: Figures) -> None:
    for name, value in figures.items():
        print(f"round {nth + 1}: {server}: {name}: {number(value)}", file=sys.stderr)


def joined(one: Sequence[Round], two: Sequence[Round]) -> list[Round]:
    """The same rounds with the figures of both; there may be more of one."""
    none: Round = {}
    return [
        {server: first.get(server, {}) | second.get(server, {}) for server in first | second}
        for first, second in zip_longest(one, two, fillvalue=none)
    ]


def rows(measured: Measured) -> list[Row]:
    """The table, in the order of the marks."""
    made = []
    for mark in (*MARKS, *COSTS):
        if mark.name in measured.names:
            ours = measured.figures(mark.name, OURS)
            more: list[str] = []
            for other in measured.others:
                figures = measured.figures(mark.name, other)
                more += [spread(figures), spread(ratios(ours, figures), 3)]
            theirs = measured.figures(mark.name, THEIRS)
            made.append(
                Row.compared(
                    mark.name,
                    ours,
                    theirs,
                    at_least=mark.at_least,
                    at_most=mark.at_most,
                    more=tuple(more),
                )
            )
    return made


def bars(measured: Measured) -> list[Bar]:
    """The picture's bars, in the order of the marks."""
    return [_bar(measured, mark) for mark in MARKS if mark.name in measured.names]


def _bar(measured: Measured, mark: Mark) -> Bar:
    figures = [measured.figures(mark.name, server) for server in (OURS, THEIRS, *measured.others)]
    found = ratios(figures[0], figures[1])
    limit = mark.at_least or mark.at_most
    if mark.less_is_better:
        found = [1 / ratio if ratio else inf for ratio in found]
        limit = limit and 1 / limit
    values = tuple(map(_middle, figures))
    if not found:
        return Bar(mark.name, None, mark=limit, less_is_better=mark.less_is_better, values=values)
    middle = median(found)
    return Bar(mark.name, middle, min(found), max(found), limit, mark.less_is_better, values)


def _middle(values: Sequence[float | None]) -> str:
    there = [value for value in values if value is not None]
    return number(median(there)) if there else NONE


def picture(several: Sequence[Measured]) -> str:
    """The bars of each model, and what they are of."""
    others = list(dict.fromkeys(other for each in several for other in each.others))
    sections = {_title(each): bars(each) for each in several}
    subtitle = "Each with its own defaults but for file and sizes. Right of 1×, Colonnade is ahead."
    return drawn("Colonnade beside llama-server", subtitle, (OURS, THEIRS, *others), sections)


def _title(measured: Measured) -> str:
    setup, rounds = measured.setup, len(measured.rounds)
    return (
        f"{setup.model}: {setup.threads} threads, {setup.slots} slots of {setup.ctx_size:,} "
        f"tokens; medians of up to {rounds} round{'s' * (rounds > 1)}"
    )


def show(measured: Measured) -> None:
    """Print the table, and what has to be known of it."""
    more = [column for other in measured.others for column in (other, "ratio")]
    print_rows(rows(measured), sys.stdout, _title(measured), other=THEIRS, more=more)
    print(measured.machine)
    for server, flags in measured.flags.items():
        print(f"{server}: {flags}")
    for name in measured.noise[0] if measured.noise else ():
        found = spread([each[name] for each in measured.noise])
        print(f"the bare loop between rounds: {name}: {found}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare")
    add_setup(parser, model_needed=False)
    parser.add_argument("--llama-server", metavar="PATH")
    parser.add_argument(
        "--llama-cpp-python", metavar="PYTHON", help="an interpreter with llama-cpp-python[server]"
    )
    parser.add_argument("--small-model", type=Path, help="for the one-token requests")
    parser.add_argument("--natural", action="store_true", help="prompts in plain language")
    parser.add_argument("--base", action="store_true", help="the model was not taught to talk")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stream-rounds", type=int, help="of the streams; as many unless given")
    parser.add_argument(
        "--limit", type=float, default=300, help="seconds a server may take for a workload"
    )
    parser.add_argument("--only", nargs="+", choices=[*WORKLOADS, "single_tokens"], default=[])
    parser.add_argument("--picture", type=Path, help="an SVG file to draw")
    parser.add_argument("--json", type=Path, help="a file for the figures of every round")
    parser.add_argument(
        "--from-json", type=Path, nargs="+", help="show these figures; measure nothing"
    )
    return parser


def _measured(options: argparse.Namespace) -> Measured:
    setup = setup_of(options)
    where = (options.llama_server, options.llama_cpp_python, options.limit)
    beside = Beside(*where, natural=options.natural, base=options.base)
    names = options.only or [*WORKLOADS, "single_tokens"]
    if options.base:
        names = [name for name in names if name not in NEED_TALK]
    rounds = Rounds(options.stream_rounds or options.rounds, options.rounds)
    found, noise = measure(setup, beside, rounds, names) if {*names} & {*WORKLOADS} else ([], [])
    if options.small_model and "single_tokens" in names:
        small = msgspec.structs.replace(setup, model=str(options.small_model), ctx_size=2048)
        found = joined(found, measure_small(small, beside, options.rounds))
    named = msgspec.structs.replace(setup, model=Path(setup.model).name)
    flags = {OURS: ["serve", *model_flags(named)], THEIRS: llama_server_flags(named)}
    if options.llama_cpp_python:
        flags[PYTHONS] = llama_cpp_python_flags(named)
    said = {server: " ".join(each) for server, each in flags.items()}
    return Measured(named, found, describe(), said, noise)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and draw."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.from_json:
        files = [path.read_bytes() for path in options.from_json]
        several = [msgspec.json.decode(each, type=Measured) for each in files]
    elif options.model and options.llama_server:
        several = [_measured(options)]
    else:
        parser.error("a model and --llama-server are needed, or --from-json")
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(several[0])) + b"\n")
    for each in several:
        show(each)
    if options.picture:
        options.picture.write_text(picture(several), encoding="utf-8")


if __name__ == "__main__":
    main()
