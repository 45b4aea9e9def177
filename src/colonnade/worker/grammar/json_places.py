"""Where JSON begins in a text, and what each place in it asks for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from colonnade.messages import Differences, JsonPlace

Places = tuple[int, ...]

_MOST_KNOWN = 10_000
"""Sets of places of which is remembered what holds there."""
_LONGEST_NAME = 256
"""Bytes of a name that a model makes up, within a marker."""


class Asked(NamedTuple):
    """What one container has to keep to."""

    different: bool
    """Its items are all different: it is an array."""
    scarce: bool
    """Its items, or keys, may run out."""
    values: int
    """There are so many of them at least."""
    steady: bool
    """What they may be does not depend on those before, but that they differ."""


NOTHING = Asked(different=False, scarce=False, values=0, steady=False)


class Found(NamedTuple):
    """A place in a text at which something begins."""

    end: int
    """Where the marker ends."""
    scope: str
    """The scope from here on."""
    places: Places | None
    """Of the JSON that begins here; None where none does yet."""


class JsonPlaces:
    """``Differences``, made ready for looking up. Holds no state of any text."""

    def __init__(self, differences: Differences) -> None:
        self._places = differences.places
        self.scarce = any(place.scarce for place in differences.places)
        """Whether anything may run out anywhere."""
        self._properties: dict[int, dict[bytes, int]] = {}
        self._same: dict[Places, Places] = {}
        self._asked: dict[tuple[Places, bool], Asked] = {}
        self._starts: dict[str, dict[str, Places]] = {}
        for start in differences.starts:
            known = self._starts.setdefault(start.scope, {})
            known[start.pattern] = (*known.get(start.pattern, ()), *start.places)
        patterns = [word for start in differences.starts for word in (start.scope, start.pattern)]
        self.reach = max((len(each.encode()) for each in patterns), default=0) + _LONGEST_NAME
        """Bytes of a text in which a marker may lie."""
        self._patterns: dict[str, tuple[re.Pattern[bytes], list[Found]]] = {}

    @property
    def at_once(self) -> Places | None:
        """The places of what a text begins with; None where it does not begin with JSON."""
        found = self._starts.get("", {}).get("")
        return None if found is None else self._closed(found)

    def asked(self, places: Places, *, array: bool) -> Asked:
        """What a container at these places has to keep to."""
        key = places, array
        found = self._asked.get(key)  # which another thread may clear
        if found is None:
            if len(self._asked) >= _MOST_KNOWN:
                self._asked.clear()
            found = self._all_asked([self._places[place] for place in places], array)
            self._asked[key] = found
        return found

    def _all_asked(self, found: list[JsonPlace], array: bool) -> Asked:
        different = array and any(place.different for place in found)
        scarce = (different or not array) and any(each.scarce for each in found)
        if not scarce:
            return Asked(different, scarce, 0, steady=False)
        said = [each for each in found if (each.lists if array else each.maps)]
        steady = len(said) == 1 and not (said[0].first if array else said[0].properties)
        return Asked(different, scarce, said[0].values if steady else 0, steady)

    def member(self, places: Places, key: bytes) -> Places:
        """The places of an object's value."""
        found: set[int] = set()
        for number in places:
            place, named = self._places[number], self._by_key(number)
            found.update((named[key],) if key in named else place.others, place.patterns)
        return self._closed(found)

    def item(self, places: Places, index: int) -> Places:
        """The places of an array's item."""
        found: set[int] = set()
        for place in map(self._places.__getitem__, places):
            found.update((place.first[index],) if index < len(place.first) else place.items)
        return self._closed(found)

    def _closed(self, places: Iterable[int]) -> Places:
        """Those places and all that hold for the same value, in order."""
        key = tuple(sorted(places))
        found = self._same.get(key)
        if found is None:
            reached: set[int] = set()
            waiting = [place for place in key if place >= 0]
            while waiting:
                place = waiting.pop()
                if place not in reached:
                    reached.add(place)
                    waiting += self._places[place].same
            if len(self._same) >= _MOST_KNOWN:
                self._same.clear()
            found = self._same[key] = tuple(sorted(reached))
        return found

    def find(self, text: bytearray, begin: int, scope: str) -> Found | None:
        """The next marker behind ``begin``, with its end in the text."""
        if scope not in self._patterns:
            self._patterns[scope] = self._prepared(scope)
        pattern, found = self._patterns[scope]
        match = pattern.search(text, begin)
        if match is None or match.lastindex is None:
            return None
        marked = found[match.lastindex - 1]
        places = None if marked.places is None else self._closed(set(marked.places))
        return marked._replace(end=match.end(), places=places)

    def _prepared(self, scope: str) -> tuple[re.Pattern[bytes], list[Found]]:
        """What to look for in a scope: its own starts, and other scopes."""
        ways = {
            pattern: Found(0, scope, places)
            for pattern, places in self._starts.get(scope, {}).items()
            if pattern
        }
        for other, starts in self._starts.items():
            if other:
                ways[other] = Found(0, other, starts.get(""))
        longest_first = sorted(ways, key=len, reverse=True)
        joined = "|".join(f"({pattern})" for pattern in longest_first) or "(?!)"
        return re.compile(joined.encode()), [ways[pattern] for pattern in longest_first]

    def _by_key(self, place: int) -> dict[bytes, int]:
        if place not in self._properties:
            pairs = self._places[place].properties
            self._properties[place] = {key.encode(): number for key, number in pairs}
        return self._properties[place]
