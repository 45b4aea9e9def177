"""How the required tests of the JSON Schema Test Suite are judged.

    python -m pip download --no-deps --no-binary :all: jsonschema && tar xzf jsonschema-*.tar.gz
    python -m benchmarks.schemas.suite jsonschema-*/json/tests

The suite lies in the source distribution of ``jsonschema``. A test is judged rightly where its
schema is taken, and a valid value can be written and an invalid one cannot.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.schemas.judging import Held, Refused, hold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DRAFTS = {
    "draft4": "http://json-schema.org/draft-04/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}
VERDICTS = ("right", "empty", "refused", "narrowed", "format", "silent", "wrong")
"""``empty``: the schema is refused, since it allows nothing; ``refused``: it is for another reason.
Valid values that cannot be written are ``narrowed`` where the answer would say so, of a ``format``
(a remark to the suite, held to here), else ``silent``. Invalid values that can be written are
``wrong``."""


@dataclass
class Figures:
    """Verdicts of one draft, and each that is not right by its file and names."""

    counts: Counter[str] = field(default_factory=Counter)
    others: list[tuple[str, str]] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def row(self) -> str:
        """Numbers of tests, of right ones, and of the others by kind."""
        numbers = " ".join(f"{self.counts[verdict]:9}" for verdict in VERDICTS)
        return f"{self.counts.total():6} {numbers}   {self.slowest * 1e3:7.0f}"


def measure(directory: Path, draft: str) -> Figures:
    """Judge all required tests of a draft."""
    figures = Figures()
    for path in sorted((directory / draft).glob("*.json")):
        for group in json.loads(path.read_text(encoding="utf-8")):
            held = hold(_named(group["schema"], DRAFTS[draft]))
            figures.slowest = max(figures.slowest, held.seconds)
            for test, verdict in _verdicts(held, group):
                figures.counts[verdict] += 1
                if verdict != "right":
                    why = held.reason.splitlines()[0] if isinstance(held, Refused) else ""
                    place = f"{path.stem}: {group['description']}: {test['description']}"
                    figures.others.append((verdict, f"{place} {why}".strip()))
    return figures


def _named(schema: Any, draft: str) -> Any:  # noqa: ANN401 - JSON
    """A schema that says of which draft it is, as a client's would."""
    return {"$schema": draft, **schema} if isinstance(schema, dict) else schema


def _verdicts(held: Held | Refused, group: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for test in group["tests"]:
        if isinstance(held, Refused):
            empty = "Unsatisfiable schema" in held.reason and not test["valid"]
            yield test, "empty" if empty else "refused"
        elif held.writes(test["data"]) == test["valid"]:
            yield test, "right"
        elif not test["valid"]:
            yield test, "wrong"
        elif held.narrowings:
            yield test, "narrowed"
        else:
            yield test, "format" if '"format"' in json.dumps(group["schema"]) else "silent"


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.schemas.suite")
    parser.add_argument("directory", type=Path, help="the folder with draft4, draft7 ...")
    parser.add_argument("--list", nargs="*", choices=VERDICTS, default=(), help="print those tests")
    options = parser.parse_args(arguments)
    heads = " ".join(f"{verdict:>9}" for verdict in VERDICTS)
    print(f"{'':13} {'tests':>6} {heads}   slowest schema, ms")
    for draft in DRAFTS:
        figures = measure(options.directory, draft)
        print(f"{draft:13} {figures.row}", flush=True)
        for verdict, place in figures.others:
            if verdict in options.list:
                print(f"  {verdict:9} {place}", file=sys.stderr)


if __name__ == "__main__":
    main()
