"""Strings that stand in a text as they are, from their schemas."""

from __future__ import annotations

from typing import Any

from colonnade.prompt.calls.kinds import resolve
from colonnade.prompt.calls.lark import regex

_MAX_DEPTH = 16


def exact_strings(schema: Any) -> list[str] | None:  # noqa: ANN401 - schemas are JSON
    """The strings that a schema lists, None where it lists none."""
    if not isinstance(schema, dict):
        return None
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if not isinstance(values, list):
        return None
    return [value for value in values if isinstance(value, str)]


def string_terminal(schema: Any, root: Any, depth: int = 0) -> str | None:  # noqa: ANN401
    """A terminal's body for the strings of a schema, None where it allows all of them."""
    plain = resolve(schema, root)
    if isinstance(plain, bool) or depth > _MAX_DEPTH:
        return None
    shapes = []
    least, most = plain.get("minLength", 0), plain.get("maxLength", "")
    if least or most != "":
        shapes.append("/(?s:.{" + f"{least},{most}" + "})/")
    if isinstance(pattern := plain.get("pattern"), str):
        shapes.append(regex(anywhere(pattern)))
    branches = plain.get("allOf", ())
    shapes += [string_terminal(branch, root, depth + 1) or "" for branch in branches]
    for word in ("anyOf", "oneOf"):
        if isinstance(branches := plain.get(word), list):
            ways = [string_terminal(branch, root, depth + 1) for branch in branches]
            if None not in ways:
                shapes.append(f"({' | '.join(way or '' for way in ways)})")
    return " & ".join(shape for shape in shapes if shape) or None


def anywhere(pattern: str) -> str:
    """Make a pattern that may match anywhere one that matches the whole text."""
    ways: list[str] = []
    for way in _branches(pattern):
        begins, ends = way.startswith("^"), way.endswith("$") and not way.endswith("\\$")
        core = way[1 if begins else 0 : len(way) - 1 if ends else len(way)]
        ways.append(f"{'' if begins else '(?s:.*)'}(?:{core}){'' if ends else '(?s:.*)'}")
    return ways[0] if len(ways) == 1 else f"(?:{'|'.join(ways)})"


def _branches(pattern: str) -> list[str]:
    """Cut a pattern at the bars that stand in no group and no class."""
    branches, start, depth, index = [], 0, 0, 0
    in_class = False
    while index < len(pattern):
        char = pattern[index]
        if char == "\\":
            index += 1
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "|" and depth == 0:
            branches.append(pattern[start:index])
            start = index + 1
        index += 1
    return [*branches, pattern[start:]]
