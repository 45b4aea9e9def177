"""How many JSON schemas of a collection can be held to, before and after they are rewritten.

    python -m benchmarks.schemas DIRECTORY... --most 1500

Takes every ``*.json`` that is a schema and refers to nothing outside; of a file with many
definitions each is one. A schema counts as accepted when llguidance compiles it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llguidance import LLMatcher

from benchmarks.tables import Row, percentile, print_rows
from colonnade.messages import Failure
from colonnade.prompt.schema import SchemaLimits, embed, prepare_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_MARKS = frozenset({"properties", "type", "$ref", "oneOf", "anyOf", "allOf", "enum"})
_DEFINITIONS = ("definitions", "$defs")
_MANY = 100
_OUTSIDE = re.compile(r'"\$ref": "[^#"]')
_LIMITS = SchemaLimits(4_000_000, 256)


def collection(directories: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """The schemas below some directories."""
    for directory in directories:
        for path in sorted(directory.rglob("*.json")):
            try:
                found = json.loads(path.read_text(encoding="utf-8"))
            except (ValueError, OSError, RecursionError):
                continue
            if isinstance(found, dict):
                yield from _schemas(found)


def _schemas(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    word = next((w for w in _DEFINITIONS if isinstance(found.get(w), dict)), None)
    if word is not None and len(found[word]) > _MANY:
        for name in found[word]:
            yield {word: found[word], "$ref": f"#/{word}/{name}"}
    elif "$schema" in found or _MARKS & found.keys():
        yield found


def stands_alone(schema: dict[str, Any]) -> bool:
    """Whether a schema refers to nothing outside: the others are refused by design."""
    text = json.dumps(schema)
    return not _OUTSIDE.search(text)


def compiled(grammar: str) -> str:
    """Why llguidance refuses a grammar; empty where it does not."""
    refused, told = LLMatcher.validate_grammar_with_warnings(grammar)
    return str(told[0]) if refused else ""


def plain(schema: dict[str, Any]) -> str:
    """Why a schema is refused as it is."""
    return compiled(LLMatcher.grammar_from_json_schema(schema))


def rewritten(schema: dict[str, Any]) -> str:
    """Why a schema is refused after it was rewritten."""
    try:
        text = embed(prepare_schema(schema, param="schema", limits=_LIMITS))
    except Failure as failure:
        return failure.message
    return compiled(LLMatcher.grammar_from_lark(f"start: %json {text}"))


def measure(
    name: str, schemas: Sequence[dict[str, Any]], judge: Callable[[dict[str, Any]], str]
) -> tuple[Row, Counter[str]]:
    """How many are accepted, and why the others are not."""
    times, reasons = [], Counter[str]()
    for schema in schemas:
        began = time.perf_counter()
        reason = judge(schema)
        times.append((time.perf_counter() - began) * 1e3)
        if reason:
            reasons[_short(reason)] += 1
    accepted = len(schemas) - reasons.total()
    figure = f"{accepted} of {len(schemas)}, {accepted / max(1, len(schemas)):.1%}"
    took = f"p50 {percentile(times, 50):.1f}, p99 {percentile(times, 99):.0f} ms a schema"
    return Row(name, figure, note=took), reasons


def _short(reason: str) -> str:
    """A reason without what differs from schema to schema."""
    line = reason.strip().splitlines()[0]
    return re.sub(r"\(at [^)]*\)|'[^']{20,}'|\d{3,}", "...", line)[:110]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schemas")
    parser.add_argument("directories", nargs="+", type=Path, metavar="DIRECTORY")
    parser.add_argument("--most", type=int, default=1500, help="schemas, drawn by chance")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    found = list(collection(options.directories))
    random.Random(options.seed).shuffle(found)
    alone = (each for each in found if stands_alone(each))
    schemas = list(itertools.islice(alone, options.most))
    before, why_before = measure("as they are", schemas, plain)
    after, why_after = measure("rewritten", schemas, rewritten)
    print_rows([before, after], sys.stdout, f"{len(schemas)} schemas accepted")
    for title, reasons in (("As they are", why_before), ("Rewritten", why_after)):
        print(f"\n{title}, refused:")
        for reason, count in reasons.most_common(25):
            print(f"{count:6} {reason}")


if __name__ == "__main__":
    main()
