"""What of a schema's values cannot be written, where a grammar says less than the schema."""

from __future__ import annotations

from typing import NamedTuple

_MOST = 32
"""Narrowings of one request that are told by name."""
_LONGEST = 300
"""Characters of a place or a sentence."""


class Narrowing(NamedTuple):
    """Some values that a schema allows and the answer cannot have.

    ``place`` is the request's field and the JSON pointer of the keyword within its schema, as in
    ``tools[0].function.parameters#/properties/tags/uniqueItems``; ``what`` is a short sentence.
    """

    keyword: str
    place: str
    what: str


class Narrowings:
    """Collects the narrowings of one request, each once, and no more than some dozens."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Narrowing] = {}
        self._more: set[int] = set()

    def add(self, keyword: str, place: str, what: str) -> None:
        """Note one. Of several at one place the first is kept."""
        key = keyword, place[:_LONGEST]
        if key in self._found:
            return
        if len(self._found) < _MOST:
            self._found[key] = Narrowing(*key, what[:_LONGEST])
        elif len(self._more) < _MOST * _MOST:
            self._more.add(hash((keyword, place)))

    def told(self) -> tuple[Narrowing, ...]:
        """All of them in the order of coming; where there were too many, the last says how many."""
        found = tuple(self._found.values())
        if not self._more:
            return found
        return *found, Narrowing("", "", f"and {len(self._more)} more")
