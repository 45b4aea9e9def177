"""A list's items, from its schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from colonnade.prompt.calls.variants import Schema, Variant

_MOST_PLACES = 1000


@dataclass(frozen=True, slots=True)
class Items:
    """What stands at the ``first`` places, at all behind them, and how many there are."""

    first: tuple[Schema, ...]
    rest: Schema
    least: int
    most: int | None


def items(variant: Variant, possible: Callable[[Schema], bool]) -> Items | None:
    """The items of a list's variant, None where no list is meant.

    ``possible`` tells whether a schema allows any value.
    """
    parts = variant.parts
    places = max((len(part.get("prefixItems") or ()) for part in parts), default=0)
    least = max((int(part.get("minItems", 0)) for part in parts), default=0)
    bounds = [int(part["maxItems"]) for part in parts if "maxItems" in part]
    first: list[Schema] = []
    for place in range(min(places, _MOST_PLACES, *bounds)):
        schema = _at(parts, place)
        if not possible(schema):
            bounds.append(place)
            break
        first.append(schema)
    rest = _at(parts, places)
    if not possible(rest):
        bounds.append(len(first))
    most = min(bounds, default=None)
    return Items(tuple(first), rest, least, most) if most is None or least <= most else None


def _at(parts: tuple[Mapping[str, Any], ...], place: int) -> Schema:
    found = []
    for part in parts:
        prefix = part.get("prefixItems") or ()
        schema = prefix[place] if place < len(prefix) else part.get("items", True)
        if schema is not True and schema != {}:
            found.append(schema)
    return found[0] if len(found) == 1 else tuple(found)
