"""Patterns of JSON Schema (ECMA-262) as languages: of the texts in which they are found."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from colonnade.prompt.schema.languages import (
    EVERY,
    Language,
    Languages,
    Ranges,
    TooComplexError,
    common,
    others,
    union,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

DIGITS: Ranges = ((0x30, 0x39),)
WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
SPACE: Ranges = (
    *((0x9, 0xD), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A)),
    *((0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)),
)
LINE_ENDS: Ranges = ((0xA, 0xA), (0xD, 0xD), (0x2028, 0x2029))
_CLASSES = {"d": DIGITS, "w": WORD, "s": SPACE}
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "0": 0}
_CODE = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}")
_QUANTIFIER = re.compile(r"([*+?]|\{(\d+)(,?)(\d*)\})\??")
_GROUPS = {"(?=": "ahead", "(?!": "not ahead", "(?<=": "behind", "(?<!": "not behind"}
_NAMED = re.compile(r"\(\?P?<\w+>")
_DEEPEST = 60
_MOST_COPIES = 8
"""Of a group in which something looks around."""
_INSIDE = "it looks around inside"


class Item(NamedTuple):
    """A piece of a pattern: ``chars``; a ``group`` of choices, or what they say is ``ahead`` or
    ``behind``; ``begin``, ``end`` and ``edge`` (of a word), or ``no edge``. It is repeated."""

    kind: str
    ranges: Ranges = ()
    choices: tuple[tuple[Item, ...], ...] = ()
    low: int = 1
    high: int | None = 1


def read(pattern: str) -> tuple[tuple[Item, ...], ...]:
    """The choices that a pattern is.

    Raises:
        TooComplexError: it is none of ECMA-262, or has what languages have not (back references,
            classes of Unicode).
    """
    reader = _Reader(pattern)
    choices = reader.choices(0)
    if reader.at < len(pattern):
        raise TooComplexError("it has an unknown form")
    return choices


class _Reader:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self.at = 0

    def choices(self, depth: int) -> tuple[tuple[Item, ...], ...]:
        if depth > _DEEPEST:
            raise self._unknown()
        found: list[list[Item]] = [[]]
        while self.at < len(self._pattern) and self._pattern[self.at] != ")":
            if self._take("|"):
                found.append([])
            else:
                found[-1].append(self._quantified(self._item(depth)))
        return tuple(map(tuple, found))

    def _item(self, depth: int) -> Item:
        for text, kind in (("^", "begin"), ("$", "end"), (r"\b", "edge"), (r"\B", "no edge")):
            if self._take(text):
                return Item(kind)
        if self._take("["):
            return Item("chars", self._class())
        if self._take("."):
            return Item("chars", others(LINE_ENDS))
        if self._pattern.startswith("(", self.at):
            return self._group(depth)
        if self._take("\\"):
            return Item("chars", self._escape())
        if self._pattern[self.at] in "*+?":
            raise self._unknown()
        self.at += 1
        return Item("chars", _one(ord(self._pattern[self.at - 1])))

    def _group(self, depth: int) -> Item:
        kind = next((k for text, k in _GROUPS.items() if self._take(text)), None)
        if kind is None and not self._take("(?:"):
            named = _NAMED.match(self._pattern, self.at)
            if named is None and self._pattern.startswith("(?", self.at):
                raise self._unknown()
            self.at = named.end() if named else self.at + 1
        found = Item(kind or "group", choices=self.choices(depth + 1))
        if not self._take(")"):
            raise self._unknown()
        return found

    def _quantified(self, item: Item) -> Item:
        found = _QUANTIFIER.match(self._pattern, self.at)
        if found is None:
            return item
        if item.kind not in ("chars", "group"):
            raise self._unknown()
        self.at = found.end()
        if found[2] is None:
            low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}[found[1]]
        else:
            low = int(found[2])
            high = int(found[4]) if found[4] else None if found[3] else low
        if high is not None and high < low:
            raise self._unknown()
        return item._replace(low=low, high=high)

    def _class(self) -> Ranges:
        negated = self._take("^")
        found: list[tuple[int, int]] = []
        while not self._take("]"):
            first = self._member()
            if self._pattern.startswith("-", self.at) and not self._pattern.startswith(
                "-]", self.at
            ):
                self.at += 1
                last = self._member()
                if len(first) != 1 or len(last) != 1 or first[0][0] > last[0][1]:
                    raise self._unknown()
                found.append((first[0][0], last[0][1]))
            else:
                found += first
        ranges = common(union(found), EVERY)
        return others(ranges) if negated else ranges

    def _member(self) -> Ranges:
        if self.at >= len(self._pattern):
            raise self._unknown()
        if self._take(r"\b"):
            return _one(8)
        if self._take("\\"):
            return self._escape()
        self.at += 1
        return _one(ord(self._pattern[self.at - 1]))

    def _escape(self) -> Ranges:
        code = _CODE.match(self._pattern, self.at)
        if code is not None:
            self.at = code.end()
            return _one(int(code[1] or code[2] or code[3], 16))
        char = self._pattern[self.at : self.at + 1]
        self.at += 1
        if char.lower() in _CLASSES:
            ranges = _CLASSES[char.lower()]
            return ranges if char.islower() else others(ranges)
        if char in _CONTROLS:
            return _one(_CONTROLS[char])
        if char == "c" and re.match("[A-Za-z]", self._pattern[self.at : self.at + 1]):
            self.at += 1
            return _one(ord(self._pattern[self.at - 1]) % 32)
        if not char or (char.isalnum() and char.isascii()):
            raise self._unknown()
        return _one(ord(char))

    def _take(self, text: str) -> bool:
        found = self._pattern.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def _unknown(self) -> TooComplexError:
        return TooComplexError(f"it has an unknown form at {self._pattern[self.at :][:10]!r}")


def _one(point: int) -> Ranges:
    return ((point, point),)


class Meaning:
    """The languages of patterns.

    A sequence is read from the left, with the language of the text before it, and gives that of the
    text to its end; what looks ahead or behind cuts one of the two down. Where the text on a side
    is not known (None), nothing may look there.
    """

    def __init__(self, languages: Languages) -> None:
        self._made = languages

    def of(self, pattern: str) -> Language:
        """The texts in which a pattern is found.

        Raises:
            TooComplexError: it cannot be read, or looks where nothing is known.
        """
        everything = self._made.everything
        return self._choices(read(pattern), (), everything, everything)

    def _choices(
        self,
        choices: Sequence[Sequence[Item]],
        rest: Sequence[Item],
        before: Language | None,
        after: Language | None,
    ) -> Language:
        return self._made.either(
            self._sequence([*choice, *rest], before, after) for choice in choices
        )

    def _sequence(
        self, items: Sequence[Item], before: Language | None, after: Language | None
    ) -> Language:
        made = self._made
        text = made.empty if before is None else before
        for number, item in enumerate(items):
            if not _looks(item):
                text = made.after(text, self._plain(item))
                continue
            rest = items[number + 1 :]
            here = None if before is None else text
            if item.kind == "group":
                return self._group(item, rest, text, here, after)
            if item.kind in ("begin", "behind", "not behind"):
                text = self._behind(item, text, known=before is not None)
                before = text
                continue
            begins = made.empty if here is made.empty else None
            return self._ahead(item, self._sequence(rest, begins, after), text, here, after)
        return text if after is None else made.after(text, after)

    def _plain(self, item: Item) -> Language:
        """A piece that looks nowhere."""
        if item.kind == "chars":
            body = self._made.chars(common(item.ranges, EVERY))
        else:
            body = self._choices(item.choices, (), None, None)
        return self._made.repeat(body, item.low, item.high)

    def _behind(self, item: Item, text: Language, *, known: bool) -> Language:
        """The text before, as far as it is what is looked for there."""
        if not known:
            raise TooComplexError(_INSIDE)
        if item.kind == "begin":
            return self._made.both((text, self._made.empty))
        seen = self._choices(item.choices, (), self._made.everything, None)
        return self._made.both((text, self._signed(item, seen)))

    def _ahead(
        self,
        item: Item,
        rest: Language,
        text: Language,
        before: Language | None,
        after: Language | None,
    ) -> Language:
        """The text before, and the rest as far as it is what is looked for there."""
        made = self._made
        if item.kind.endswith("edge"):
            known = (before is not None or not text.nullable) and (after or not rest.nullable)
            if not known:
                raise TooComplexError(_INSIDE)
            return self._edge(item, text, rest)
        if after is None:
            raise TooComplexError(_INSIDE)
        if item.kind == "end":
            return made.after(text, made.both((rest, made.empty)))
        seen = self._choices(item.choices, (), None, made.everything)
        return made.after(text, made.both((rest, self._signed(item, seen))))

    def _signed(self, item: Item, seen: Language) -> Language:
        return self._made.opposite(seen) if item.kind.startswith("not") else seen

    def _edge(self, item: Item, text: Language, rest: Language) -> Language:
        """Before and behind, one is of a word and one is not; or not so."""
        made = self._made
        word = made.chars(WORD)
        ends, begins = made.after(made.everything, word), made.after(word, made.everything)
        ways = []
        for inside in (True, False):
            same = inside != (item.kind == "edge")
            here = ends if inside else made.opposite(ends)
            there = begins if same else made.opposite(begins)
            ways.append(made.after(made.both((text, here)), made.both((rest, there))))
        return made.either(ways)

    def _group(
        self,
        item: Item,
        rest: Sequence[Item],
        text: Language,
        before: Language | None,
        after: Language | None,
    ) -> Language:
        """A group in which something looks around: its choices go on with the rest."""
        if (item.low, item.high) == (1, 1):
            found = self._choices(item.choices, rest, before, after)
            return found if before is not None else self._made.after(text, found)
        if item.high is None:
            return self._made.after(text, self._loop(item, rest, after))
        if item.high > _MOST_COPIES:
            raise TooComplexError(_INSIDE)
        once = item._replace(low=1, high=1)
        return self._made.either(
            self._made.after(text, self._sequence([*[once] * times, *rest], None, after))
            for times in range(item.low, item.high + 1)
        )

    def _loop(self, item: Item, rest: Sequence[Item], after: Language | None) -> Language:
        """Any number of copies, each of which sees those that follow."""
        following = self._sequence(rest, None, after)
        bodies = [[each for each in choice if not _looks(each)] for choice in item.choices]
        if item.low > _MOST_COPIES or any(
            self._sequence(body, None, None).nullable for body in bodies
        ):
            raise TooComplexError(_INSIDE)
        loop = self._made.loop(nullable=following.nullable)
        again = self._choices(item.choices, (), None, loop)
        self._made.close(loop, self._made.either((following, again)))
        found = loop
        for _ in range(item.low):
            found = self._choices(item.choices, (), None, found)
        return found


def _looks(item: Item) -> bool:
    """Whether something in it is no character."""
    if item.kind == "group":
        return any(_looks(each) for choice in item.choices for each in choice)
    return item.kind != "chars"
