"""Regular languages over Unicode: with intersections and opposites, which patterns do not have.

A language is read character by character by taking derivatives (Brzozowski, "Derivatives of Regular
Expressions", 1964): what may follow, once a character is there. The derivatives of a language are
the states of its automaton, from which comes a pattern again.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Ranges = tuple[tuple[int, int], ...]
"""Characters, as ranges of code points in their order, ends included."""

EVERY: Ranges = ((0, 0xD7FF), (0xE000, 0x10FFFF))
"""All characters; halves of surrogate pairs are none."""
_END = 0x110000
_MOST_STATES = 1500


class TooComplexError(ValueError):
    """A language that cannot be looked into, or a pattern that cannot be read as one."""


class Language:
    """A regular language. Made by ``Languages`` alone: equal forms are one object."""

    __slots__ = ("after", "cuts", "high", "kind", "low", "nullable", "number", "parts", "ranges")

    def __init__(
        self,
        number: int,
        kind: str,
        parts: tuple[Language, ...],
        ranges: Ranges,
        bounds: tuple[int, int | None],
    ) -> None:
        self.number = number
        self.kind = kind
        self.parts = parts
        self.ranges = ranges
        self.low, self.high = bounds
        self.nullable = _nullable(self)
        """Whether the empty text is in it."""
        self.cuts: tuple[int, ...] | None = None
        self.after: dict[int, Language] = {}


def _nullable(language: Language) -> bool:
    match language.kind:
        case "chars":
            return False
        case "empty":
            return True
        case "opposite":
            return not language.parts[0].nullable
        case "loop":
            return language.low == 1
        case "either":
            return any(part.nullable for part in language.parts)
        case "repeat":
            return language.low == 0 or language.parts[0].nullable
    return all(part.nullable for part in language.parts)


class Languages:
    """Makes languages and looks into them."""

    def __init__(self, spend: Callable[[int], None]) -> None:
        """``spend`` is called with the steps that are taken."""
        self._spend = spend
        self._known: dict[tuple[object, ...], Language] = {}
        self._loops = 0
        self.nothing = self.chars(())
        self.empty = self._make("empty")
        self.everything = self.repeat(self.chars(EVERY), 0, None)

    def chars(self, ranges: Ranges) -> Language:
        """The texts of one character."""
        return self._make("chars", ranges=ranges)

    def text(self, text: str) -> Language:
        """One text alone."""
        found = self.empty
        for char in reversed(text):
            found = self.after(self.chars(((ord(char), ord(char)),)), found)
        return found

    def after(self, first: Language, second: Language) -> Language:
        """A text of the one and behind it a text of the other."""
        if first is self.nothing or second is self.nothing:
            return self.nothing
        if first is self.empty:
            return second
        if second is self.empty:
            return first
        if first.kind == "after":
            return self.after(first.parts[0], self.after(first.parts[1], second))
        if first is self.everything and second.kind == "after" and second.parts[0] is first:
            return second
        return self._make("after", (first, second))

    def either(self, languages: Iterable[Language]) -> Language:
        """What is in one of some."""
        found = self._flat("either", languages)
        if self.everything in found:
            return self.everything
        singles = [each for each in found if each.kind == "chars"]
        others = [each for each in found if each.kind != "chars"]
        if singles:
            ranges = union(bounds for each in singles for bounds in each.ranges)
            if ranges:
                others.append(self.chars(ranges))
        if not others:
            return self.nothing
        return others[0] if len(others) == 1 else self._make("either", self._sorted(others))

    def both(self, languages: Iterable[Language]) -> Language:
        """What is in all of some."""
        found = [each for each in self._flat("both", languages) if each is not self.everything]
        if self.nothing in found:
            return self.nothing
        singles = [each for each in found if each.kind == "chars"]
        if len(singles) > 1:
            ranges = singles[0].ranges
            for each in singles[1:]:
                ranges = common(ranges, each.ranges)
            found = [each for each in found if each.kind != "chars"]
            found.append(self.chars(ranges))
            return self.both(found)
        if not found:
            return self.everything
        return found[0] if len(found) == 1 else self._make("both", self._sorted(found))

    def opposite(self, language: Language) -> Language:
        """What is not in it."""
        if language.kind == "opposite":
            return language.parts[0]
        if language is self.nothing:
            return self.everything
        if language is self.everything:
            return self.nothing
        return self._make("opposite", (language,))

    def repeat(self, language: Language, low: int, high: int | None) -> Language:
        """So many texts of it behind each other; ``high`` is None for any number."""
        if high == 0 or language is self.empty:
            return self.empty
        if language is self.nothing:
            return self.nothing if low else self.empty
        if (low, high) == (1, 1):
            return language
        if language.nullable:
            low = 0
        return self._make("repeat", (language,), bounds=(low, high))

    def loop(self, *, nullable: bool) -> Language:
        """A language in which it may itself follow; ``close`` it once that is made."""
        self._loops += 1
        return self._make("loop", ranges=((self._loops, 0),), bounds=(int(nullable), None))

    def close(self, loop: Language, language: Language) -> None:
        """Say what a loop is: a language in which it comes behind some character alone."""
        loop.parts = (language,)

    def is_empty(self, language: Language) -> bool:
        """Whether no text is in it.

        Raises:
            TooComplexError: it has too many states to tell.
        """
        seen = {language}
        waiting = [language]
        while waiting:
            state = waiting.pop()
            if state.nullable:
                return False
            for _, following in self.steps(state):
                if following not in seen:
                    if len(seen) == _MOST_STATES:
                        msg = "it has too many states"
                        raise TooComplexError(msg)
                    seen.add(following)
                    waiting.append(following)
        return True

    def has(self, language: Language, text: str) -> bool:
        """Whether a text is in it."""
        for char in text:
            language = self._derivative(language, ord(char))
        return language.nullable

    def steps(self, language: Language) -> list[tuple[Ranges, Language]]:
        """What may follow on which characters, nothing left out."""
        starts = sorted({*self._cuts(language), 0, 0xE000} - {_END})
        found: dict[Language, list[tuple[int, int]]] = {}
        for start, end in zip(starts, [*starts[1:], _END], strict=True):
            if not 0xD800 <= start < 0xE000:
                following = self._derivative(language, start)
                last = min(end - 1, 0xD7FF) if start < 0xD800 else end - 1
                if following is not self.nothing:
                    found.setdefault(following, []).append((start, last))
        return [(union(ranges), following) for following, ranges in found.items()]

    def _cuts(self, language: Language) -> tuple[int, ...]:
        """The code points at which another derivative may begin."""
        if language.cuts is None:
            self._spend(1)
            language.cuts = tuple(sorted(self._new_cuts(language)))
        return language.cuts

    def _new_cuts(self, language: Language) -> set[int]:
        if language.kind == "chars":
            return {point for low, high in language.ranges for point in (low, high + 1)}
        parts = language.parts
        if language.kind == "after" and not parts[0].nullable:
            parts = parts[:1]
        return {point for part in parts for point in self._cuts(part)}

    def _derivative(self, language: Language, point: int) -> Language:
        """What may follow on a character."""
        key = bisect_right(self._cuts(language), point)
        found = language.after.get(key)
        if found is None:
            self._spend(2)
            found = language.after[key] = self._new_derivative(language, point)
        return found

    def _new_derivative(self, language: Language, point: int) -> Language:
        parts = language.parts
        match language.kind:
            case "chars":
                inside = any(low <= point <= high for low, high in language.ranges)
                return self.empty if inside else self.nothing
            case "empty":
                return self.nothing
            case "loop":
                return self._derivative(parts[0], point)
            case "opposite":
                return self.opposite(self._derivative(parts[0], point))
            case "either":
                return self.either(self._derivative(part, point) for part in parts)
            case "both":
                return self.both(self._derivative(part, point) for part in parts)
            case "repeat":
                high = None if language.high is None else language.high - 1
                rest = self.repeat(parts[0], max(language.low - 1, 0), high)
                return self.after(self._derivative(parts[0], point), rest)
        first = self.after(self._derivative(parts[0], point), parts[1])
        if not parts[0].nullable:
            return first
        return self.either((first, self._derivative(parts[1], point)))

    def _flat(self, kind: str, languages: Iterable[Language]) -> list[Language]:
        found: dict[Language, None] = {}
        for each in languages:
            found.update(dict.fromkeys(each.parts if each.kind == kind else (each,)))
        return list(found)

    def _sorted(self, languages: list[Language]) -> tuple[Language, ...]:
        return tuple(sorted(languages, key=lambda each: each.number))

    def _make(
        self,
        kind: str,
        parts: tuple[Language, ...] = (),
        ranges: Ranges = (),
        bounds: tuple[int, int | None] = (0, None),
    ) -> Language:
        key = (kind, *(part.number for part in parts), ranges, bounds)
        found = self._known.get(key)
        if found is None:
            self._spend(1)
            found = Language(len(self._known), kind, parts, ranges, bounds)
            self._known[key] = found
        return found


def union(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The characters of all ranges, put together."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return tuple(found)


def common(one: Ranges, two: Ranges) -> Ranges:
    """The characters in both."""
    return tuple(
        sorted((max(a, c), min(b, d)) for a, b in one for c, d in two if max(a, c) <= min(b, d))
    )


def others(ranges: Ranges) -> Ranges:
    """The characters in none of the ranges."""
    found: list[tuple[int, int]] = []
    start = 0
    for low, high in ranges:
        if start < low:
            found.append((start, low - 1))
        start = high + 1
    if start <= 0x10FFFF:
        found.append((start, 0x10FFFF))
    return common(tuple(found), EVERY)
