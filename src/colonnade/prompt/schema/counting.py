"""How many values a prepared schema has."""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING, Any

from colonnade.prompt.schema.values import is_number, listed, unique

if TYPE_CHECKING:
    from collections.abc import Mapping

MANY = 1_000_000
"""As many as any answer has room for."""
_PLAIN = frozenset(
    ("type", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
)


def at_least(schema: object) -> int:
    """So many different values a schema has at least, 0 where that is not easily told."""
    if not isinstance(schema, dict):
        return 0 if schema is False else MANY
    values = listed(schema)
    if values is not None:
        return len(unique(values)) if schema.keys() <= {"enum", "const", "type"} else 0
    if not _PLAIN.issuperset(schema):
        return 0
    given = schema.get("type")
    kinds = given if isinstance(given, list) else [given]
    return sum(_of_kind(kind, schema) for kind in kinds)


def _of_kind(kind: object, schema: Mapping[str, Any]) -> int:
    match kind:
        case "null" | "boolean":
            return 1 if kind == "null" else 2
        case "string":
            most = schema.get("maxLength")
            room = most is None or most >= max(1, schema.get("minLength", 0))
            return MANY if room else 0
        case "integer" | "number":
            return _numbers(schema, whole=kind == "integer")
        case _:
            return 0


def _numbers(schema: Mapping[str, Any], *, whole: bool) -> int:
    lows = [schema[word] for word in ("minimum", "exclusiveMinimum") if word in schema]
    highs = [schema[word] for word in ("maximum", "exclusiveMaximum") if word in schema]
    if not all(map(is_number, [*lows, *highs])):
        return 0
    if not lows or not highs:
        return MANY
    low, high = max(lows), min(highs)
    if not whole:
        return MANY if low < high else 0
    outside: int = ("exclusiveMinimum" in schema) + ("exclusiveMaximum" in schema)
    return min(MANY, max(0, int(floor(high) - ceil(low)) + 1 - outside))
