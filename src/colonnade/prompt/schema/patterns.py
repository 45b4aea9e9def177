"""Regular expressions of JSON Schema (ECMA-262) in the dialect of llguidance (Rust's regex crate).

Neither has an unanchored meaning to add: in both a pattern may match anywhere in a string.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SPECIAL = frozenset(r"\.+*?()|[]{}^$#&-~/")
_QUANTIFIER = re.compile(r"\{\d+(?:,\d*)?\}")
_CLASSES = frozenset("dDwWsS")
_ESCAPES = frozenset("tnrfv")


class PatternError(ValueError):
    """A pattern that cannot be translated; the message says why."""


def translate(pattern: str) -> str:
    """Rewrite a pattern.

    Raises:
        PatternError: it holds what the other dialect does not have.
    """
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            piece, at = _escape(pattern, at, in_class=False)
        elif char == "[":
            piece, at = _character_class(pattern, at)
        elif char == "(":
            piece, at = _group(pattern, at)
        elif char in "*+?":
            piece, at = char, at + 1
            if pattern[at : at + 1] in ("?", "+"):  # lazy: the same language
                at += pattern[at] == "?"
        elif char == "{":
            found = _QUANTIFIER.match(pattern, at)
            piece, at = (found[0], found.end()) if found else (r"\{", at + 1)
            at += bool(found) and pattern[at : at + 1] == "?"
        elif char in "}]":
            piece, at = "\\" + char, at + 1
        else:
            piece, at = char, at + 1
        out.append(piece)
    return "".join(out)


def _group(pattern: str, at: int) -> tuple[str, int]:
    if not pattern.startswith("(?", at):
        return "(", at + 1
    for opening in ("(?=", "(?!", "(?<=", "(?<!"):
        if pattern.startswith(opening, at):
            msg = "it looks around"
            raise PatternError(msg)
    if pattern.startswith("(?:", at):
        return "(?:", at + 3
    named = re.compile(r"\(\?P?<\w+>").match(pattern, at)
    if named:
        return "(", named.end()
    msg = f"it has the unknown group {pattern[at : at + 4]!r}"
    raise PatternError(msg)


def _escape(pattern: str, at: int, *, in_class: bool) -> tuple[str, int]:
    """Translate what begins with a backslash."""
    char = pattern[at + 1 : at + 2]
    if char in _CLASSES or char in _ESCAPES:
        return "\\" + char, at + 2
    if char in "pP":
        found = re.compile(r"\\[pP](?:\{[\w=]+\}|[A-Z])").match(pattern, at)
        if found is None:
            msg = "it has an unknown class of characters"
            raise PatternError(msg)
        return found[0], found.end()
    code = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\})").match(
        pattern, at
    )
    if code is not None:
        return f"\\x{{{code[1] or code[2] or code[3]}}}", code.end()
    if char == "c" and re.match("[A-Za-z]", pattern[at + 2 : at + 3]):
        return f"\\x{{{ord(pattern[at + 2]) % 32:x}}}", at + 3
    if char == "b" and in_class:
        return r"\x{8}", at + 2
    if char == "0":
        return r"\x{0}", at + 2
    if not char or char.isalnum():
        msg = f"it has the unknown escape {pattern[at : at + 2]!r}"
        raise PatternError(msg)
    return (f"\\{char}" if char in _SPECIAL else char), at + 2


def _character_class(pattern: str, at: int) -> tuple[str, int]:
    """Translate ``[...]``. Brackets and doubled operators inside mean themselves here."""
    out = ["["]
    at += 1
    if pattern.startswith("^", at):
        out.append("^")
        at += 1
    if pattern.startswith("]", at):  # [] is nothing, [^] is everything
        return (r"[\s\S]", at + 1) if len(out) == 2 else (r"[^\s\S]", at + 1)
    while at < len(pattern) and pattern[at] != "]":
        char = pattern[at]
        if char == "\\":
            piece, at = _escape(pattern, at, in_class=True)
        else:
            piece, at = (f"\\{char}" if char in "[&~^" else char), at + 1
        out.append(piece)
    if at >= len(pattern):
        msg = "a class of characters does not end"
        raise PatternError(msg)
    return "".join(out) + "]", at + 1


def quoted(text: str) -> str:
    """A pattern for a literal text."""
    return "".join(f"\\{char}" if char in _SPECIAL else char for char in text)


def other_than(texts: Iterable[str]) -> str:
    """A pattern for every string but these: at some character, it leaves each of their ways."""
    return f"^(?:{_leaving(sorted(set(texts)), 0)})$"


def _leaving(texts: list[str], depth: int) -> str:
    """What may follow ``depth`` common characters, to be none of the texts."""
    ends = any(len(text) == depth for text in texts)
    ways: dict[str, list[str]] = {}
    for text in texts:
        if len(text) > depth:
            ways.setdefault(text[depth], []).append(text)
    anything = r"[\s\S]*"
    if not ways:
        return r"[\s\S]+"
    others = "".join(quoted(char) for char in ways)
    branches = [f"[^{others}]{anything}"]
    branches += [f"{quoted(c)}(?:{_leaving(each, depth + 1)})" for c, each in ways.items()]
    if not ends:
        branches.append("")
    return "|".join(branches)
