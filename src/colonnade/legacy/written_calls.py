"""Tool calls that a model wrote into its text, in the two forms that FlowGen's clients know.

``[calculate_sum(a=15, b=25)]`` is Python's syntax, so Python's parser reads it; nothing is run.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

_TAGGED = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)
_LISTED = re.compile(r"\[\s*[A-Za-z_][\w.]*\(")
_MOST_ENDS = 64
_LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A call by its name and arguments."""

    name: str
    arguments: dict[str, Any]


class _Call(msgspec.Struct):
    name: str
    arguments: dict[str, Any] = {}


def written_calls(text: str, names: Container[str] | None = None) -> tuple[list[WrittenCall], str]:
    """The calls in a text, and the text without them.

    ``names`` are the tools that there are; None where the request named none, and any name counts.
    """
    calls, rest = _tagged(text)
    if not calls:
        calls, rest = _listed(text)
    if not calls or (names is not None and any(call.name not in names for call in calls)):
        return [], text
    return calls, rest.strip()


def _tagged(text: str) -> tuple[list[WrittenCall], str]:
    calls: list[WrittenCall] = []
    for found in _TAGGED.finditer(text):
        try:
            call = msgspec.json.decode(found[1], type=_Call)
        except (msgspec.DecodeError, RecursionError):
            return [], text
        calls.append(WrittenCall(call.name, call.arguments))
    return calls, _TAGGED.sub("", text)


def _listed(text: str) -> tuple[list[WrittenCall], str]:
    start = _LISTED.search(text[:_LONGEST])
    if start is None:
        return [], text
    ends = [
        found.end() for found in re.finditer(r"\]", text[:_LONGEST]) if found.end() > start.end()
    ]
    for end in reversed(ends[:_MOST_ENDS]):
        calls = list(_parsed(text[start.start() : end]))
        if calls:
            return calls, text[: start.start()] + text[end:]
    return [], text


def _parsed(code: str) -> Iterator[WrittenCall]:
    try:
        tree = ast.parse(code, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    found = tree.elts if isinstance(tree, ast.List) else []
    calls = [_call(node) for node in found]
    for call in calls:
        if call is None:
            return
    yield from (call for call in calls if call is not None)


def _call(node: ast.expr) -> WrittenCall | None:
    """A call with keywords alone, whose values are literals."""
    if not isinstance(node, ast.Call) or node.args or any(k.arg is None for k in node.keywords):
        return None
    try:
        arguments = {str(each.arg): ast.literal_eval(each.value) for each in node.keywords}
        json.dumps(arguments)  # what JSON cannot carry is no argument
    except (ValueError, TypeError, RecursionError):
        return None
    return WrittenCall(ast.unparse(node.func), arguments)
