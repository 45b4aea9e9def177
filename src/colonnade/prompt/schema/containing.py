"""``contains``, put into keywords that the compiler of grammars knows."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.prompt.schema.document import Document
    from colonnade.prompt.schema.negation import Negation

_NO_ARRAY = ["null", "boolean", "number", "string", "object"]
_MOST_CHOICES = 48
_PLACES = 12
"""Items among which those that satisfy are chosen, where that makes no more choices."""


class _Wanted(NamedTuple):
    """What items have to satisfy, how many at least, and at most; None for no such bound."""

    schema: Any
    least: int
    most: int | None


def contained(
    schema: dict[str, Any], negation: Negation, document: Document, path: str
) -> dict[str, Any]:
    """``contains``: a choice of the places of the items that satisfy it, among the first ones.

    Raises:
        Failure: with a most, which items do not satisfy it cannot be expressed.
    """
    if "contains" not in schema:
        return schema
    rest = {k: v for k, v in schema.items() if k not in ("contains", "minContains", "maxContains")}
    least, most = int(schema.get("minContains", 1)), schema.get("maxContains")
    wanted = _Wanted(schema["contains"], least, None if most is None else int(most))
    if not wanted.least and wanted.most is None:
        return rest
    longest = schema.get("maxItems")
    if wanted.schema is True or wanted.schema == {}:
        arrays, all_told = [_counted(wanted)], True
    elif wanted.most is None:
        arrays, all_told = _at_least(wanted, longest)
    else:
        arrays, all_told = _between(wanted, longest, negation, document, path)
    if not all_told:
        document.narrow("contains", path, "lists in which what satisfies it comes late")
    ways = arrays if schema.get("type") == "array" else [*arrays, {"type": _NO_ARRAY}]
    held: Any = {"anyOf": ways} if ways else False
    return {**rest, "allOf": [*rest.get("allOf", ()), held]}


def _at_least(wanted: _Wanted, longest: float | None) -> tuple[list[Any], bool]:
    """Arrays with enough items that satisfy; and whether these are all."""
    if wanted.schema is False:
        return [], True
    places = _places(wanted.least, wanted.least, longest)
    arrays = [
        _array([wanted.schema if at in chosen else True for at in range(chosen[-1] + 1)])
        for chosen in combinations(range(places), wanted.least)
    ]
    return arrays, longest is not None and places >= longest


def _between(
    wanted: _Wanted, longest: float | None, negation: Negation, document: Document, path: str
) -> tuple[list[Any], bool]:
    """The same where there may be too many: all others must not satisfy."""
    most = wanted.most or 0
    if most < wanted.least:
        return [], True
    found = negation.alternatives(wanted.schema)
    if not found.ways and not found.exact:
        raise document.refused(f"{path}/contains", "'contains' with a most cannot be expressed")
    if not found.exact:
        document.narrow("contains", path, "some items that do not satisfy it")
    other: Any = {"anyOf": found.ways} if found.ways else False
    if True in found.ways:
        other = True
    if other is False:  # everything satisfies it
        return [_counted(wanted)], True
    places = _places(wanted.least, most, longest)
    arrays = [
        _array([wanted.schema if at in chosen else other for at in range(length)], other)
        for chosen in _choices(places, wanted.least, most)
        for length in [chosen[-1] + 1 if chosen else 0]
    ]
    return arrays, most == 0 or (longest is not None and places >= longest)


def _counted(wanted: _Wanted) -> dict[str, Any]:
    """Lists by their length, where every item satisfies."""
    array: dict[str, Any] = {"type": "array", "minItems": wanted.least}
    return array if wanted.most is None else {**array, "maxItems": wanted.most}


def _array(first: list[Any], others: Any = True) -> dict[str, Any]:  # noqa: ANN401
    """Lists that begin with items of some schemas."""
    array: dict[str, Any] = {"type": "array", "minItems": len(first)}
    if first:
        array["prefixItems"] = first
    if others is not True:
        array["items"] = others
    return array


def _choices(places: int, least: int, most: int) -> Iterator[tuple[int, ...]]:
    for count in range(least, min(most, places) + 1):
        yield from combinations(range(places), count)


def _places(least: int, most: int, longest: float | None) -> int:
    """How many of the first items there are to choose from: as many as make not too many ways."""
    bound = _PLACES if longest is None else min(_PLACES, int(longest))
    places = least
    while places < bound and _ways(places + 1, least, most) <= _MOST_CHOICES:
        places += 1
    return places


def _ways(places: int, least: int, most: int) -> int:
    return sum(comb(places, count) for count in range(least, min(most, places) + 1))
