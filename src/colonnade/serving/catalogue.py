"""The models that the registry knows, by all of their names."""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatchcase
from heapq import nlargest
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING

from colonnade.messages import Failure, FailureKind
from colonnade.serving.entry import Entry, Origin, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_LATEST = ":latest"
"""The tag that Ollama's clients put behind a name without one."""

_PREFIXES = ("hf:", "pkg:")
_LONGEST = 200
_NAMED = 1000
"""Names that are looked through for those that are near."""

_COMPARED = 10
"""Of those, how many are compared letter by letter."""

_SHOWN = 5
"""Models that are told where none is near."""

_MOST_ALLOWED = 1000
"""Models that requests have named, and that stand in no list."""


class Catalogue:
    """Entries by id and alias. Of a name that several have, the one that was chosen comes first,
    then tables, then directories, then what is allowed."""

    def __init__(self, allowed: Iterable[str], entry_of: Callable[[str], Entry | None]) -> None:
        """``allowed``: patterns of names that need not be listed; ``entry_of`` makes an entry of
        such a name, None where it is of no form that there is."""
        self._allowed = tuple(allowed)
        self._entry_of = entry_of
        self._layers: dict[Origin, dict[str, Entry]] = {origin: {} for origin in Origin}
        self._names: dict[str, Entry] = {}
        self._count = 0

    def __iter__(self) -> Iterator[Entry]:
        """All that can be had by their own ids, the chosen one first."""
        seen: set[str] = set()
        for entry in chain.from_iterable(each.values() for each in self._layers.values()):
            if entry.id not in seen:
                seen.add(entry.id)
                yield entry

    def __len__(self) -> int:
        return self._count

    def layer(self, origin: Origin) -> dict[str, Entry]:
        """The entries of one origin, by id."""
        return self._layers[origin]

    def put(self, origin: Origin, entries: Iterable[Entry]) -> None:
        """Know these of an origin, and no others of it."""
        self._layers[origin] = {entry.id: entry for entry in entries}
        self._name_all()

    def add(self, entry: Entry) -> None:
        """Know one more."""
        self._layers[entry.origin][entry.id] = entry
        self._name_all()

    def remove(self, entry: Entry) -> None:
        """Know one no longer."""
        if self._layers[entry.origin].get(entry.id) is entry:
            del self._layers[entry.origin][entry.id]
            self._name_all()

    def find(self, name: str) -> Entry | None:
        """The model of a name; one that is allowed is known from then on."""
        for each in _spellings(name):
            if each in self._names:
                return self._names[each]
        return self._adapted(name) or self._permitted(name)

    def unknown(self, name: str) -> Failure:
        """What to say of a name that no model has, with those that are near."""
        if not self._names and not self._allowed:
            return Failure(FailureKind.NO_MODEL, "No model is loaded.")
        if not name:
            first = _listed(entry.id for entry in islice(self, _SHOWN))
            msg = f"'model' is missing, and the server was started without MODEL. Served: {first}"
            return Failure(FailureKind.INVALID_REQUEST, msg + self._more(_SHOWN), param="model")
        near = _near(name[:_LONGEST], islice(self._names, _NAMED))
        shown = near or [entry.id for entry in islice(self, _SHOWN)]
        served = f"Served: {_listed(shown)}{self._more(len(shown))}"
        if not shown:
            served = f"Allowed: {_listed(self._allowed)}."
        told = f"Did you mean {_listed(near)}?" if near else served
        msg = f"The model {name[:_LONGEST]!r} is not served here. {told}"
        return Failure(FailureKind.MODEL_NOT_FOUND, msg, param="model")

    def _more(self, shown: int) -> str:
        return "." if len(self) <= shown else f" and {len(self) - shown} others."

    def _adapted(self, name: str) -> Entry | None:
        """The model of a name that chooses one of its adapters, too."""
        base, _, adapter = name.removesuffix(_LATEST).rpartition(":")
        entry = self._names.get(base)
        return entry if entry is not None and adapter in entry.adapters else None

    def _permitted(self, name: str) -> Entry | None:
        """An entry for a name that the operator allows."""
        if len(name) > _LONGEST:
            return None
        for text in (name, *(prefix + name for prefix in _PREFIXES)):
            if text.startswith(_PREFIXES) and any(fnmatchcase(text, p) for p in self._allowed):
                entry = self._entry_of(text)
                if entry is not None:
                    self._forget_one()
                    self.add(entry)
                    return entry
        return None

    def _forget_one(self) -> None:
        """Keep the number of those within bounds that only requests have named."""
        known = self._layers[Origin.ALLOWED]
        if len(known) >= _MOST_ALLOWED:
            idle = (
                each
                for each in known.values()
                if each.state in {State.AVAILABLE, State.FAILED} and not each.busy
            )
            oldest = next(idle, None)
            if oldest is not None:
                del known[oldest.id]

    def _name_all(self) -> None:
        names: dict[str, Entry] = {}
        for layer in self._layers.values():
            for entry in layer.values():
                names.setdefault(entry.id, entry)
        self._count = len(names)
        for layer in self._layers.values():  # an alias never hides an id
            for entry in layer.values():
                for alias in entry.aliases:
                    names.setdefault(alias, entry)
        self._names = names


def _spellings(name: str) -> Iterator[str]:
    yield name
    if name.endswith(_LATEST):
        yield name.removesuffix(_LATEST)
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            yield name.removeprefix(prefix)


def _near(name: str, known: Iterable[str]) -> list[str]:
    """Those that are most like a name. Only a few are compared letter by letter, which takes a
    tenth of a millisecond each; nobody else is served meanwhile."""
    pairs = _pairs(name)
    alike = nlargest(_COMPARED, known, key=lambda each: len(pairs & _pairs(each[:_LONGEST])))
    return get_close_matches(name, alike, n=3)


def _pairs(name: str) -> set[str]:
    return set(map("".join, pairwise(name)))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
