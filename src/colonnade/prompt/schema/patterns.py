"""Regular expressions of JSON Schema (ECMA-262) in the dialect of llguidance (Rust's regex crate).

Neither has an unanchored meaning to add: in both a pattern may match anywhere in a string.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from colonnade.prompt.schema.ecma import LINE_ENDS, SPACE, Meaning
from colonnade.prompt.schema.languages import EVERY, Languages, TooComplexError
from colonnade.prompt.schema.spelling import spelled
from colonnade.prompt.schema.values import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from colonnade.prompt.schema.languages import Language, Ranges

FORMATS = frozenset(
    "date-time time date duration email hostname ipv4 ipv6 uuid uri".split()  # noqa: SIM905
)
"""What the compiler knows; to JSON Schema every format is a remark."""
_SPECIAL = frozenset(r"\.+*?()|[]{}^$#&-~/")
_QUANTIFIER = re.compile(r"\{\d+(?:,\d*)?\}")
_CLASSES = frozenset("dDwW")
_ESCAPES = frozenset("tnrfv")
_MOST_COUNTED = 1000
"""Characters that are counted one by one."""


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
        elif char == ".":
            piece, at = f"[^{_spans(LINE_ENDS)}]", at + 1
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


def _spans(ranges: Ranges) -> str:
    """The inside of a class of characters."""
    return "".join(f"\\x{{{low:x}}}-\\x{{{high:x}}}" for low, high in ranges)


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
    if char and char in "sS":
        spans = _spans(SPACE)
        return (spans if in_class and char == "s" else f"[{'^' * (char == 'S')}{spans}]"), at + 2
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


class Patterns:
    """What patterns of one document have in common, and what not."""

    def __init__(self, spend: Callable[[int], None]) -> None:
        """``spend`` is called with the steps that are taken."""
        self.languages = Languages(spend)
        self._meaning = Meaning(self.languages)
        self._known: dict[str, Language | None] = {}

    def language(self, pattern: str) -> Language | None:
        """The texts in which a pattern is found, None where it is not understood."""
        if pattern not in self._known:
            try:
                found: Language | None = self._meaning.of(pattern)
            except TooComplexError:
                found = None
            self._known[pattern] = found
        return self._known[pattern]

    def translated(self, pattern: str) -> list[str]:
        """Patterns in the compiler's dialect that say together what one says.

        Raises:
            PatternError: it holds what cannot be said there.
        """
        try:
            return [translate(pattern)]
        except PatternError:
            language = self.language(pattern)
            if language is None or language is self.languages.nothing:
                raise
            parts = language.parts if language.kind == "both" else (language,)
            found = [self.spelled(part) for part in parts]
            if None in found:
                raise
            return [translate(each) for each in found if each is not None]

    def spelled(self, language: Language) -> str | None:
        """A pattern for a language, None where there is none of fair length, or no text."""
        try:
            return spelled(self.languages, language)
        except TooComplexError:
            return None

    def is_empty(self, language: Language) -> bool:
        """Whether surely no text is in a language."""
        try:
            return self.languages.is_empty(language)
        except TooComplexError:
            return False

    def matches(self, pattern: str, text: str) -> bool | None:
        """Whether a pattern is found in a text, None where it is not understood."""
        language = self.language(pattern)
        return None if language is None else self.languages.has(language, text)

    def texts(self, schema: Mapping[str, Any]) -> tuple[Language, bool]:
        """The texts that a schema's own keywords allow, and whether that is all that they say."""
        made = self.languages
        found, whole = [], True
        if (values := listed(schema)) is not None:
            found.append(made.either(made.text(each) for each in values if isinstance(each, str)))
        if "pattern" in schema:
            language = self.language(schema["pattern"])
            found += [] if language is None else [language]
            whole = language is not None
        if "minLength" in schema or "maxLength" in schema:
            most = schema.get("maxLength")
            least, most = int(schema.get("minLength", 0)), None if most is None else int(most)
            if least <= _MOST_COUNTED and (most is None or least <= most <= _MOST_COUNTED):
                found.append(made.repeat(made.chars(EVERY), least, most))
            else:
                whole = most is not None and most < least
                found += [made.nothing] if whole else []
        return made.both(found), whole
