"""JSON values and the schemas that name them: types, equality, the values that are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
_ALL = frozenset(TYPES) - {"integer"}


def type_of(value: object) -> str:
    """The JSON type of a value; whole numbers are ``integer``."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a number to JSON."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def key_of(value: object) -> Hashable:
    """The same for equal JSON values alone: 1 is 1.0, and not true; keys have no order."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list):
        return ("array", *map(key_of, value))
    if isinstance(value, dict):
        return ("object", frozenset((name, key_of(each)) for name, each in value.items()))
    return value  # None, a number or a text


def plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """An equal value whose whole numbers are integers, as the compiler writes them."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return value


def unique(values: Iterable[Any]) -> list[Any]:
    """The first of equal values each, in their order."""
    return list({key_of(value): value for value in reversed(list(values))}.values())[::-1]


def listed(schema: Mapping[str, Any]) -> list[Any] | None:
    """The values that ``const`` or ``enum`` name, None where there is neither."""
    if "const" in schema:
        return [schema["const"]]
    found = schema.get("enum")
    return found if isinstance(found, list) else None


def types(schema: Mapping[str, Any]) -> frozenset[str]:
    """The types that a schema allows by ``type``, ``const`` and ``enum``."""
    given = schema.get("type")
    names = [given] if isinstance(given, str) else given
    allowed = frozenset(names) if isinstance(names, list) else _ALL
    values = listed(schema)
    if values is None:
        return allowed
    return frozenset(kind for kind in map(type_of, values) if allows(allowed, kind))


def allows(allowed: Iterable[str], kind: str) -> bool:
    """Whether a type is among some: whole numbers are numbers."""
    return kind in allowed or (kind == "integer" and "number" in allowed)


def shared_types(one: frozenset[str], two: frozenset[str]) -> set[str]:
    """The types of which both may have values, whole numbers counted among the numbers."""
    return merged_numbers(one) & merged_numbers(two)


def merged_numbers(kinds: Iterable[str]) -> set[str]:
    """Types, whole numbers counted among the numbers."""
    return {"number" if kind == "integer" else kind for kind in kinds}


def names_in(value: object) -> list[str]:
    """The names in a list such as that of ``required``; none where it is no list."""
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []
