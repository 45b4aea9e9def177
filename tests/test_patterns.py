"""Regular expressions that meet text from outside: the time of each grows with the text's length.

A search that begins anew at each character, or can divide a run in many ways, takes seconds for a
text of a megabyte, and Python's expressions give nobody else a turn meanwhile.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

import colonnade

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTH = 6_000
MOST = 0.03
"""Seconds of the processor, some fifty times what such a text takes."""

SMALL = {
    "engine.process._BUILT_AT": "llama.cpp's log",
    "hub.reference._REPO": "the operator's",
    "messages.environment": "the operator's",
    "prompt.calls.derive._TAGGED": "2000 characters",
    "web.origins._ALLOWED": "the operator's",
    "worker.grammar.spelling": "a token of the vocabulary each",
    "worker.llama.adapters._NUMBERED": "a path",
    "worker.llama.buffers": "llama.cpp's log",
    "worker.llama.loading": "a path",
    "worker.llama.overrides": "llama.cpp's log",
}
"""Names, or beginnings of them, of expressions that meet short texts only."""

CAGED = ("prompt.calls.escape", "prompt.constraint", "prompt.schema")
"""Those that are used where constraints are built: in processes that are ended in time."""

AT_ONE_PLACE = ("prompt.reasoning._FIRST_TAG", "worker.grammar.json_text._PLAIN")
"""Those with which nothing is searched."""

ATOMS = [*"aA0_- \n\t\"'\\<>[]{}()|.:;,=*?/#%!^$&@`é\x00", "<a", "a<", "[A", '\\"', "a.", '"a"']
STARTS = ('"', "<", "[", "(", "{", "/", "#", "%", "@", "`", "<a ", "$", "\n")
WITHIN = ("a", " ", "\\a", "0", "\n", "a.")
TEXTS = [
    *(atom * (LENGTH // len(atom)) for atom in ATOMS),
    *(start + each * (LENGTH // len(each)) for start, each in product(STARTS, WITHIN)),
    *(each * (LENGTH // len(each)) + end for end, each in product('"!', WITHIN)),
]


def _patterns(name: str, value: Any, depth: int = 0) -> Iterator[tuple[str, re.Pattern[Any]]]:
    if isinstance(value, re.Pattern):
        yield name, value
    elif isinstance(value, dict) and depth < 3:
        for each in (*value, *value.values()):
            yield from _patterns(name, each, depth + 1)
    elif isinstance(value, tuple | list) and depth < 3:
        for each in value:
            yield from _patterns(name, each, depth + 1)


def _all() -> dict[str, re.Pattern[Any]]:
    """By name, each once."""
    found: dict[re.Pattern[Any], str] = {}
    for module in pkgutil.walk_packages(colonnade.__path__, "colonnade."):
        if module.name.endswith("__main__") or ".demo" in module.name:
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            where = f"{module.name.removeprefix('colonnade.')}.{name}"
            for each, pattern in _patterns(where, value):
                found.setdefault(pattern, each)
    return {f"{name}{number or ''}": pattern for number, (pattern, name) in _numbered(found)}


def _numbered(
    found: dict[re.Pattern[Any], str],
) -> Iterator[tuple[int, tuple[re.Pattern[Any], str]]]:
    counts: dict[str, int] = {}
    for pattern, name in found.items():
        counts[name] = counts.get(name, -1) + 1
        yield counts[name], (pattern, name)


PATTERNS = {
    name: pattern for name, pattern in _all().items() if not name.startswith((*SMALL, *CAGED))
}


def _slowest(pattern: re.Pattern[Any], *, searched: bool) -> tuple[float, str]:
    """Seconds that the slowest of the texts takes, and its beginning."""
    slowest = (0.0, "")
    for text in TEXTS:
        given: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
        began = time.process_time()
        pattern.match(given)
        pattern.fullmatch(given)
        if searched:
            pattern.sub(given[:0], given)
        slowest = max(slowest, (time.process_time() - began, text[:20]))
    return slowest


def test_there_are_some() -> None:
    assert len(PATTERNS) > 50
    assert "api.forms._GBNF" in PATTERNS


@pytest.mark.parametrize("name", PATTERNS)
def test_time_grows_with_length(name: str) -> None:
    searched = not name.startswith(AT_ONE_PLACE)
    seconds, text = _slowest(PATTERNS[name], searched=searched)
    if seconds > MOST:  # the machine may have been busy with something else: look again
        seconds, text = min((seconds, text), _slowest(PATTERNS[name], searched=searched))
    assert seconds <= MOST, text


def test_what_takes_too_long_is_seen() -> None:
    assert _slowest(re.compile(r"\d+x"), searched=True)[0] > MOST
