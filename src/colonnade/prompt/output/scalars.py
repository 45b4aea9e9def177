"""Values that stand in a text as they are: which of them are JSON, and which are strings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

from colonnade.prompt.calls.kinds import kind_of

if TYPE_CHECKING:
    from colonnade.prompt.output.sinks import Sink

WORDS = {"True": "true", "False": "false", "None": "null"}
"""Python's constants, and JSON's."""

_STARTS = {
    "object": "{",
    "array": "[",
    "number": "-0123456789",
    "boolean": "tfTF",
    "null": "nN",
    "string": "",
}


def starts(allowed: frozenset[str]) -> str:
    """The characters that values of some kinds begin with; none for strings, which any begins."""
    return "".join(_STARTS[kind] for kind in allowed)


def whole_value(text: str, sink: Sink, allowed: frozenset[str]) -> None:
    """Take a value for JSON where it is, and else for a string."""
    plain = text.strip()
    plain = WORDS.get(plain, plain)
    kind = _kind(plain)
    if "string" in allowed:
        other = kind in allowed - {"string"} and (plain == text or text in WORDS)
    else:
        other = kind is not None
    if other:
        sink.json(plain)
    else:
        sink.quote()
        sink.chars(text)
        sink.quote()


def is_json(text: str) -> bool:
    """Whether a text is a JSON value."""
    return _kind(text) is not None


def _kind(text: str) -> str | None:
    """The kind of a JSON value, None for what is not JSON."""
    try:
        return kind_of(json.loads(text, parse_constant=_no_constant))
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
