"""Tool calls that a model wrote into its text, in the two forms that FlowGen's clients know.

``[calculate_sum(a=15, b=25)]`` is Python's syntax, so Python's parser reads it; nothing is run.
Texts come from models, which write anything: the time that this takes is bounded.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container

_OPENING, _CLOSING = "<tool_call>", "</tool_call>"
_LIST = re.compile(r"\[\s*[A-Za-z_][\w.]*\(")
_LONGEST = 20_000
"""Characters of a text in which calls are looked for."""
_MOST_LISTS = 16
"""Beginnings of lists that are tried."""
_LITERALS = {"true": True, "false": False, "null": None}
"""JSON's words, which models write in Python's place."""
_decoder = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A call by its name and arguments."""

    name: str
    arguments: dict[str, Any]


def written_calls(text: str, names: Container[str] | None = None) -> tuple[list[WrittenCall], str]:
    """The calls in a text, and the text without them.

    ``names`` are the tools that there are. Where a request named none, any name counts, but only
    in a text that is nothing but calls.
    """
    if len(text) > _LONGEST:
        return [], text
    try:
        calls, rest = _tagged(text)
        if not calls:
            calls, rest = _listed(text)
    except RecursionError:  # nested beyond what anybody means
        return [], text
    rest = rest.strip()
    unknown = rest if names is None else any(call.name not in names for call in calls)
    return ([], text) if unknown or not calls else (calls, rest)


def _tagged(text: str) -> tuple[list[WrittenCall], str]:
    calls: list[WrittenCall] = []
    rest = ""
    at = 0
    while (begin := text.find(_OPENING, at)) >= 0:
        found = _tagged_call(text, begin + len(_OPENING))
        if found is None:
            return [], text
        call, end = found
        calls.append(call)
        rest += text[at:begin]
        at = end
    return calls, rest + text[at:]


def _tagged_call(text: str, at: int) -> tuple[WrittenCall, int] | None:
    """The call after an opening tag, and where it ends."""
    while text[at : at + 1].isspace():
        at += 1
    try:
        value, end = _decoder.raw_decode(text, at)
    except ValueError:
        return None
    while text[end : end + 1].isspace():
        end += 1
    if not text.startswith(_CLOSING, end) or not isinstance(value, dict):
        return None
    name, arguments = value.get("name"), value.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            return None
    arguments = {} if arguments is None else arguments
    if not isinstance(name, str) or not isinstance(arguments, dict) or not _is_json(arguments):
        return None
    return WrittenCall(name, arguments), end + len(_CLOSING)


def _listed(text: str) -> tuple[list[WrittenCall], str]:
    calls: list[WrittenCall] = []
    rest = ""
    at = search = 0
    for _ in range(_MOST_LISTS):
        start = _LIST.search(text, search)
        if start is None:
            break
        end = _end_of_list(text, start.start())
        found = _parsed(text[start.start() : end]) if end else []
        if found:
            calls += found
            rest += text[at : start.start()]
            at = search = end
        else:
            search = start.end()
    return calls, rest + text[at:]


def _end_of_list(text: str, start: int) -> int:
    """Where the bracket at ``start`` is closed; 0 where it is not."""
    depth, quote, at = 0, "", start
    while at < len(text):
        char = text[at]
        if quote:
            at += char == "\\"  # the next one is no end
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
            if not depth:
                return at + 1
        at += 1
    return 0


def _parsed(code: str) -> list[WrittenCall]:
    try:
        tree = ast.parse(code, mode="eval").body
    except (SyntaxError, ValueError, MemoryError):
        return []
    calls = [_call(node) for node in tree.elts] if isinstance(tree, ast.List) else []
    return [] if None in calls else [call for call in calls if call is not None]


def _call(node: ast.expr) -> WrittenCall | None:
    """A call with keywords alone, whose values JSON can carry."""
    if not isinstance(node, ast.Call) or node.args or any(k.arg is None for k in node.keywords):
        return None
    try:
        arguments = {
            str(each.arg): ast.literal_eval(_Literals().visit(each.value)) for each in node.keywords
        }
        name = ast.unparse(node.func)
    except (ValueError, TypeError):
        return None
    return WrittenCall(name, arguments) if _is_json(arguments) else None


class _Literals(ast.NodeTransformer):
    """Puts Python's values in the place of JSON's words."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Replace one word."""
        return ast.Constant(_LITERALS[node.id]) if node.id in _LITERALS else node


def _is_json(value: object) -> bool:
    """Whether JSON can carry a value as it is."""
    match value:
        case None | bool() | int():
            return True
        case float():
            return isfinite(value)
        case str():
            return not any("\ud800" <= char <= "\udfff" for char in value)
        case list():
            return all(map(_is_json, value))
        case dict():
            return all(isinstance(key, str) and _is_json(key) for key in value) and all(
                map(_is_json, value.values())
            )
    return False
