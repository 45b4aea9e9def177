"""Every section of the benchmarks on a GPU, within a time that is shared out among them.

    python -m benchmarks.gpu.run MODEL.gguf --llama-server LLAMA_SERVER --out DIRECTORY

Writes ``figures.json`` and ``table.txt`` after each section, with the card's name in both. A
section that fails or has no time left says so, and the others go on.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import llama_cpp
import msgspec

from benchmarks import machine
from benchmarks.gpu import card, forms, greedy, guessing, streams
from benchmarks.gpu.clock import Clock
from benchmarks.gpu.found import Found
from benchmarks.gpu.work import FAILURES, Work, told
from benchmarks.jobs import Setup
from benchmarks.tables import print_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO


class Section(NamedTuple):
    """A part of the benchmarks, and its weight in the time."""

    title: str
    measure: Callable[[Work, Found, Clock], None]
    others: list[str]
    share: float


SECTIONS = {
    "greedy": Section("Greedy answers", greedy.measure, greedy.OTHERS, 0.18),
    "streams": Section("Tokens a second", streams.measure, streams.OTHERS, 0.5),
    "forms": Section("JSON and tools", forms.measure, forms.OTHERS, 0.14),
    "guessing": Section("Guessed tokens", guessing.measure, guessing.OTHERS, 0.18),
}


class Taken(msgspec.Struct):
    """What a section found, and its time in seconds."""

    found: Found
    seconds: float
    allowed: float


class Report(msgspec.Struct):
    """All that is known of a run."""

    card: str
    machine: str
    system: str
    """How llama.cpp was built, in its own words."""
    setup: Setup
    sections: dict[str, Taken] = msgspec.field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write both files."""
        text = io.StringIO()
        self.show(text)
        (folder / "table.txt").write_text(text.getvalue(), encoding="utf-8")
        figures = msgspec.json.format(msgspec.json.encode(self))
        (folder / "figures.json").write_bytes(figures + b"\n")

    def show(self, file: TextIO) -> None:
        """Print what there is."""
        setup = self.setup
        print(self.card, self.machine, self.system, sep="\n", file=file)
        print(
            f"{setup.model}, {setup.threads} threads, {setup.slots} slots of {setup.ctx_size}",
            file=file,
        )
        for name, taken in self.sections.items():
            _show(SECTIONS[name], taken, file)


def _show(section: Section, taken: Taken, file: TextIO) -> None:
    title = f"{section.title} ({taken.seconds:.0f} s of {taken.allowed:.0f})"
    first, *others = section.others or [""]
    more = [column for other in others for column in (other, "ratio")]
    print(file=file)
    print_rows(taken.found.rows(), file, title, other=first, more=more)
    for line in taken.found.missing:
        print(f"not measured: {line}", file=file)


def measured(section: Section, work: Work, clock: Clock) -> Taken:
    """Run a section, whatever becomes of it."""
    found = Found(others=section.others)
    try:
        section.measure(work, found, clock)
    except FAILURES as error:
        found.missing.append(told(error))
    if not found.rows() and not found.missing:
        found.missing.append("the time was up before anything was measured")
    return Taken(found, clock.gone, clock.seconds)


def run(work: Work, names: Sequence[str], seconds: float, folder: Path) -> Report:
    """Run some sections one after the other."""
    named = msgspec.structs.replace(work.setup, model=Path(work.setup.model).name)
    system = llama_cpp.llama_print_system_info().decode().strip()
    report = Report(card.describe(), machine.describe(), system, named)
    clock = Clock(seconds)
    for name, part in clock.parts({name: SECTIONS[name].share for name in names}):
        report.sections[name] = measured(SECTIONS[name], work, part)
        _show(SECTIONS[name], report.sections[name], sys.stdout)
        report.write(folder)
    return report


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.run")
    parser.add_argument("model", type=Path, metavar="MODEL.gguf")
    parser.add_argument("--looping", type=Path, help="a file of benchmarks.random_gguf --loops")
    parser.add_argument("--llama-server", metavar="PATH")
    parser.add_argument("--out", type=Path, required=True, help="a folder for the figures")
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), default=list(SECTIONS))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--slots", type=int, default=max(streams.STREAMS))
    parser.add_argument("--ctx-size", type=int, default=1024, help="tokens a sequence")
    options = parser.parse_args(arguments)
    setup = Setup(str(options.model), options.threads, options.slots, options.ctx_size)
    options.out.mkdir(parents=True, exist_ok=True)
    work = Work(setup, options.llama_server, options.looping)
    report = run(work, options.only, options.seconds, options.out)
    print()
    report.show(sys.stdout)


if __name__ == "__main__":
    main()
