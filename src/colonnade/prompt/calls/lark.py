"""Grammars in llguidance's dialect of Lark, put together piece by piece.

Its syntax: docs/syntax.md of llguidance. String literals there are JSON strings; a special token
is no text and has to be named by its id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from colonnade.prompt.schema.differing import Differing
from colonnade.prompt.schema.narrowing import Narrowings

if TYPE_CHECKING:
    from colonnade.messages import Differences, JsonStart

Special = Mapping[str, int]
"""Names of special tokens and their ids."""


def quote(text: str) -> str:
    """Write a text as a string literal."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def spell(text: str, special: Special, *, apart: str = "") -> str:
    """Write a text as a sequence of literals, and of ids where it names special tokens.

    What is to stand ``apart`` is a literal of its own: of two literals that may come next, the
    longer one would win over one that it begins with.
    """
    pieces = split(text, {**special, apart: -1} if apart else special)
    spelled = [
        f"<[{special[piece]}]>" if named and piece in special else quote(piece)
        for piece, named in pieces
    ]
    return " ".join(spelled) or '""'


def split(text: str, special: Special) -> list[tuple[str, bool]]:
    """Cut a text into what is plain (False) and the names of special tokens (True)."""
    pieces: list[tuple[str, bool]] = []
    end = 0
    pattern = _names(tuple(name for name in special if name and name in text))
    for found in pattern.finditer(text):
        if found.start() > end:
            pieces.append((text[end : found.start()], False))
        pieces.append((found.group(), True))
        end = found.end()
    if end < len(text):
        pieces.append((text[end:], False))
    return pieces


@lru_cache(maxsize=256)
def _names(names: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile("|".join(["(?!)", *map(re.escape, longest_first)]))


def regex(pattern: str) -> str:
    """Write a regular expression as a literal: a slash would end it, as a line's end might."""
    escaped = re.sub(r"\\.|/|\n", _slashed, pattern, flags=re.DOTALL)
    return f"/{escaped}/" if escaped else '""'


def _slashed(found: re.Match[str]) -> str:
    return {"/": r"\/", "\n": r"\n", "\\\n": r"\n"}.get(found.group(), found.group())


_META = re.compile(r"[\\^$.|?*+()\[\]{}/#&~\-\s]")


def literal_regex(text: str) -> str:
    """A regular expression, in the syntax of Rust's ``regex``, that matches a text alone."""
    return _META.sub(lambda found: _escaped(found.group()), text)


def _escaped(char: str) -> str:
    if char.isspace() and char != " ":
        return f"\\x{{{ord(char):x}}}"
    return char if char == " " else "\\" + char


def repeated(expression: str, least: int, most: int | None) -> str:
    """An expression so many times; empty where that is not at all."""
    if most == 0:
        return ""
    return f"{expression}{{{least},{'' if most is None else most}}}"


class Rules:
    """The rules and terminals of a grammar, each body once; and what it cannot say."""

    def __init__(self, narrowings: Narrowings | None = None) -> None:
        self.narrowings = Narrowings() if narrowings is None else narrowings
        self.differing = Differing()
        self.starts: list[JsonStart] = []
        """Where the JSON begins whose places ``differing`` has."""
        self._names: dict[str, str] = {}
        self._lines: list[str] = []

    def rule(self, hint: str, body: str, *, attributes: str = "") -> str:
        """Add a rule, and return its name."""
        return self._add(hint.lower(), f"{attributes}: {body}")

    def terminal(self, hint: str, body: str) -> str:
        """Add a terminal, and return its name."""
        return self._add(hint.upper(), f": {body}")

    def nothing(self) -> str:
        """The name of a terminal that matches no text."""
        return self.terminal("nothing", "/a/ & /b/")

    def reserve(self, hint: str) -> str:
        """Take a name for a rule that refers to itself; ``define`` it later."""
        name = f"{hint.lower()}_{len(self._lines)}"
        self._lines.append("")
        return name

    def define(self, name: str, body: str) -> None:
        """Give a reserved name its body."""
        self._lines[int(name.rsplit("_", 1)[1])] = f"{name}: {body}"

    def text(self, start: str) -> str:
        """The whole grammar, ``start`` being the body of its first rule."""
        return "\n".join([f"start: {start}", *self._lines]) + "\n"

    @property
    def differences(self) -> Differences | None:
        """What else has to hold."""
        return self.differing.found(self.starts)

    def _add(self, hint: str, body: str) -> str:
        key = hint + body
        if key not in self._names:
            self._names[key] = f"{hint}_{len(self._lines)}"
            self._lines.append(self._names[key] + body)
        return self._names[key]
