"""Colonnade beside llama-server: the same file, threads, slots and requests, round by round.

    python -m benchmarks.compare MODEL.gguf --llama-server LLAMA_SERVER [--picture FILE.svg]
    python -m benchmarks.compare MODEL.gguf --llama-server LLAMA_SERVER --llama-cpp-python PYTHON
    python -m benchmarks.compare --from-json FILE.json --picture FILE.svg

All servers have the model loaded; the others are idle while one runs. A ratio is the median over
the rounds of ours to theirs, each pair measured one after the other. llama-cpp-python's server,
which answers one request at a time, is there to be seen; the marks are llama-server's.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from math import inf
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import msgspec

from benchmarks.contenders import OURS, PYTHONS, THEIRS, contenders
from benchmarks.jobs import Setup, add_setup, setup_of
from benchmarks.picture import Bar, drawn
from benchmarks.tables import NONE, Row, number, print_rows, ratios, spread
from benchmarks.workloads import WORKLOADS, Figures, single_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    Mark("8 streams, tokens/s", at_least=1.1),
    Mark("8 streams, sampled, tokens/s", at_least=1.1),
    Mark("16 streams, tokens/s", at_least=1.1),
    Mark("16 streams, sampled, tokens/s", at_least=1.1),
    Mark("shared 600-word prompt, requests/s", at_least=1.5),
    Mark("12 conversations, requests/s", at_least=2.0),
    Mark("12 conversations, first token, ms", at_most=0.5),
    Mark("JSON schema, 1 stream, documents/s", at_least=5.0),
    Mark("JSON schema, 4 streams, documents/s", at_least=5.0),
    Mark("named tool, 1 stream, calls/s"),
    Mark("named tool, 4 streams, calls/s"),
    Mark("one-token requests/s", at_least=1.0),
    Mark("mixed, p99 gap of short streams, ms", at_most=0.5),
)


class Measured(msgspec.Struct):
    """What a run of this program found, as ``--json`` keeps it."""

    setup: Setup
    rounds: list[Round]

    def figures(self, name: str, server: str) -> list[float | None]:
        """A figure of a server, for each round."""
        return [each.get(server, {}).get(name) for each in self.rounds]

    @property
    def names(self) -> list[str]:
        """The figures that somebody gave, in the order of the marks."""
        there = {name for each in self.rounds for figures in each.values() for name in figures}
        return [mark.name for mark in MARKS if mark.name in there]

    @property
    def others(self) -> list[str]:
        """The servers beside llama-server that were measured."""
        return [PYTHONS] if any(PYTHONS in each for each in self.rounds) else []


@dataclass(frozen=True)
class Beside:
    """Where the other servers are, and how long one may take for a workload."""

    llama_server: str
    llama_cpp_python: str | None
    limit: float


def measure(
    setup: Setup, beside: Beside, rounds: int, workloads: Sequence[Workload]
) -> list[Round]:
    """Run the workloads on all servers in turn, each round beginning with another one."""
    found: list[Round] = []
    with ExitStack() as running:
        servers = contenders(setup, beside.llama_server, beside.llama_cpp_python)
        for server in servers:
            running.enter_context(server)
        for nth in range(rounds):
            found.append({server.name: {} for server in servers})
            first = nth % len(servers)
            for workload in workloads:
                for server in servers[first:] + servers[:first]:
                    figures = server.figures(workload, beside.limit)
                    found[-1][server.name] |= figures
                    for name, value in figures.items():
                        words = f"round {nth + 1}: {server.name}: {name}: {number(value)}"
                        print(words, file=sys.stderr)
    return found


def joined(one: Sequence[Round], two: Sequence[Round]) -> list[Round]:
    """The same rounds with the figures of both."""
    return [
        {server: first[server] | second[server] for server in first}
        for first, second in zip(one, two, strict=True)
    ]


def rows(measured: Measured) -> list[Row]:
    """The table, in the order of the marks."""
    made = []
    for mark in MARKS:
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


def picture(measured: Measured) -> str:
    """The bars, and what they are of."""
    setup, rounds = measured.setup, len(measured.rounds)
    subtitle = (
        f"{setup.model}, {setup.threads} threads, {setup.slots} slots of {setup.ctx_size:,} "
        f"tokens; medians of {rounds} round{'s' * (rounds > 1)}. Right of 1×, Colonnade is ahead."
    )
    columns = (OURS, THEIRS, *measured.others)
    return drawn("Colonnade beside llama-server", subtitle, columns, bars(measured))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare")
    add_setup(parser, model_needed=False)
    parser.add_argument("--llama-server", metavar="PATH")
    parser.add_argument(
        "--llama-cpp-python", metavar="PYTHON", help="an interpreter with llama-cpp-python[server]"
    )
    parser.add_argument("--small-model", type=Path, help="for the one-token requests")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--limit", type=float, default=300, help="seconds a server may take for a workload"
    )
    parser.add_argument("--only", nargs="+", choices=[*WORKLOADS, "single_tokens"], default=[])
    parser.add_argument("--picture", type=Path, help="an SVG file to draw")
    parser.add_argument("--json", type=Path, help="a file for the figures of every round")
    parser.add_argument("--from-json", type=Path, help="show these figures; measure nothing")
    return parser


def _measured(options: argparse.Namespace) -> Measured:
    setup = setup_of(options)
    beside = Beside(options.llama_server, options.llama_cpp_python, options.limit)
    names = options.only or [*WORKLOADS, "single_tokens"]
    workloads = [each for name in WORKLOADS if name in names for each in WORKLOADS[name]]
    found = measure(setup, beside, options.rounds, workloads) if workloads else []
    if options.small_model and "single_tokens" in names:
        small = msgspec.structs.replace(setup, model=str(options.small_model), ctx_size=2048)
        singles = measure(small, beside, options.rounds, [single_tokens])
        found = joined(found, singles) if found else singles
    return Measured(msgspec.structs.replace(setup, model=Path(setup.model).name), found)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and draw."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.from_json:
        measured = msgspec.json.decode(options.from_json.read_bytes(), type=Measured)
    elif options.model and options.llama_server:
        measured = _measured(options)
    else:
        parser.error("a model and --llama-server are needed, or --from-json")
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(measured)) + b"\n")
    more = [column for other in measured.others for column in (other, "ratio")]
    print_rows(rows(measured), sys.stdout, other=THEIRS, more=more)
    if options.picture:
        options.picture.write_text(picture(measured), encoding="utf-8")


if __name__ == "__main__":
    main()
