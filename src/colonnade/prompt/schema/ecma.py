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
    """The languages of patterns."""

    def __init__(self, languages: Languages) -> None:
        self._languages = languages
        self._any = languages.everything

    def of(self, choices: Sequence[Sequence[Item]], *, left: bool, right: bool) -> Language:
        """The language of some choices. ``left`` and ``right``: any text may be on that side of
        them, unless they say that there is none.

        Raises:
            TooComplexError: they look ahead or behind, or are at an end, inside of others.
        """
        return self._languages.either(
            self._sequence(choice, left=left, right=right) for choice in choices
        )

    def _sequence(self, items: Sequence[Item], *, left: bool, right: bool) -> Language:
        for number, item in enumerate(items):
            if item.kind not in ("chars", "group"):
                before, after = items[:number], items[number + 1 :]
                return self._at(item, before, after, left=left, right=right)
        if not items:
            return self._any if left or right else self._languages.empty
        found = self._languages.empty
        for number in range(len(items) - 1, -1, -1):
            first, last = left and number == 0, right and number == len(items) - 1
            found = self._languages.after(self._item(items[number], first, last), found)
        return found

    def _item(self, item: Item, left: bool, right: bool) -> Language:
        if item.kind == "chars":
            body = self._languages.chars(common(item.ranges, EVERY))
        elif (item.low, item.high) == (1, 1):
            return self.of(item.choices, left=left, right=right)
        else:
            body = self.of(item.choices, left=False, right=False)
        found = self._languages.repeat(body, item.low, item.high)
        if left:
            found = self._languages.after(self._any, found)
        return self._languages.after(found, self._any) if right else found

    def _at(
        self,
        item: Item,
        before: Sequence[Item],
        after: Sequence[Item],
        *,
        left: bool,
        right: bool,
    ) -> Language:
        """A sequence around something that is no character."""
        made = self._languages
        if item.kind == "begin":
            head = self._sequence(before, left=left, right=False)
            if not left or not (head.nullable or head is made.nothing):
                raise TooComplexError("it begins inside")
            return self._sequence(after, left=False, right=right) if head.nullable else head
        head = self._sequence(before, left=left, right=False)
        tail = self._sequence(after, left=False, right=right)
        if item.kind == "end":
            if not right or not (tail.nullable or tail is made.nothing):
                raise TooComplexError("it ends inside")
            return head if tail.nullable else tail
        if item.kind.endswith("edge"):
            known = (left or not head.nullable) and (right or not tail.nullable)
            return self._edge(item, head, tail, known=known)
        ahead = item.kind.endswith("ahead")
        if not (right if ahead else left):
            raise TooComplexError("it looks around inside")
        seen = self.of(item.choices, left=not ahead, right=ahead)
        if item.kind.startswith("not"):
            seen = made.opposite(seen)
        if ahead:
            return made.after(head, made.both((tail, seen)))
        return made.after(made.both((head, seen)), tail)

    def _edge(self, item: Item, head: Language, tail: Language, *, known: bool) -> Language:
        """Before and behind, one is of a word and one is not; or not so."""
        if not known:
            raise TooComplexError("it looks around inside")
        made = self._languages
        word = made.chars(WORD)
        ends, begins = made.after(self._any, word), made.after(word, self._any)
        differ = item.kind == "edge"
        ways = []
        for inside in (True, False):
            here = ends if inside else made.opposite(ends)
            there = begins if inside != differ else made.opposite(begins)
            ways.append(made.after(made.both((head, here)), made.both((tail, there))))
        return made.either(ways)
