"""Which values a schema speaks of: their types, and whether two schemas can share one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from colonnade.prompt.schema.document import Document

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
_ALL = frozenset(TYPES) - {"integer"}
_DEPTH = 8
_RANGES = {
    "number": (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")),
    "string": (("minLength",), ("maxLength",)),
    "array": (("minItems",), ("maxItems",)),
}


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


def same(one: object, two: object) -> bool:
    """Whether two JSON values are equal: 1 is 1.0, and not true."""
    if isinstance(one, bool) != isinstance(two, bool):
        return False
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    return one == two


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
    return frozenset(kind for kind in map(type_of, values) if _allows(allowed, kind))


def _allows(allowed: Iterable[str], kind: str) -> bool:
    return kind in allowed or (kind == "integer" and "number" in allowed)


def shared_types(one: frozenset[str], two: frozenset[str]) -> set[str]:
    """The types of which both may have values, whole numbers counted among the numbers."""
    plain = [{"number" if kind == "integer" else kind for kind in each} for each in (one, two)]
    return plain[0] & plain[1]


class Overlap:
    """Finds out whether schemas of one document can share a value."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def disjoint(self, one: object, two: object, depth: int = 0) -> bool:
        """Whether no value satisfies both, as far as can be seen."""
        if one is False or two is False:
            return True
        if depth > _DEPTH or not isinstance(one, dict) or not isinstance(two, dict):
            return False
        firsts, seconds = self.conjuncts(one), self.conjuncts(two)
        return any(self._disjoint(a, b, depth) for a in firsts for b in seconds)

    def conjuncts(self, schema: dict[str, Any], depth: int = 0) -> list[dict[str, Any]]:
        """The schema and all that it takes in by reference or ``allOf``."""
        found = [schema]
        if depth > _DEPTH:
            return found
        parts = list(schema.get("allOf") or ())
        if isinstance(reference := schema.get("$ref"), str):
            parts.append(self._document.resolve(reference, schema, "#"))
        for part in parts:
            if isinstance(part, dict):
                found += self.conjuncts(part, depth + 1)
        return found

    def _disjoint(self, one: dict[str, Any], two: dict[str, Any], depth: int) -> bool:
        for first, second in ((one, two), (two, one)):
            for word in ("anyOf", "oneOf"):
                branches = first.get(word)
                if isinstance(branches, list) and all(
                    self.disjoint(branch, second, depth + 1) for branch in branches
                ):
                    return True
        shared = shared_types(types(one), types(two))
        if not shared:
            return True
        values, others = listed(one), listed(two)
        if values is not None and others is not None:
            return not any(same(value, other) for value in values for other in others)
        return all(self._apart(kind, one, two, depth) for kind in shared)

    def _apart(self, kind: str, one: dict[str, Any], two: dict[str, Any], depth: int) -> bool:
        """Whether no value of a type satisfies both."""
        if kind in _RANGES:
            return _below(kind, one, two) or _below(kind, two, one)
        if kind != "object":
            return False
        required = {*_names(one.get("required")), *_names(two.get("required"))}
        return any(self.disjoint(prop(one, key), prop(two, key), depth + 1) for key in required)


def _below(kind: str, one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    """Whether everything in one range lies below everything in the other."""
    lows, highs = _RANGES[kind]
    high = min((one[word] for word in highs if _is_number(one.get(word))), default=None)
    low = max((two[word] for word in lows if _is_number(two.get(word))), default=None)
    values = listed(one)
    if high is None and values and kind == "number":
        numbers = [value for value in values if _is_number(value)]
        high = max(numbers, default=None)
    values = listed(two)
    if low is None and values and kind == "number":
        numbers = [value for value in values if _is_number(value)]
        low = min(numbers, default=None)
    return high is not None and low is not None and high < low


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _names(value: object) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def prop(schema: Mapping[str, Any], key: str) -> object:
    """What a schema says of a property by itself."""
    properties = schema.get("properties")
    if isinstance(properties, dict) and key in properties:
        return properties[key]
    if schema.get("patternProperties"):
        return True
    return schema.get("additionalProperties", True)
