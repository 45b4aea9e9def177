"""What does *not* satisfy a schema, as schemas: some of it, where all of it cannot be said."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from colonnade.prompt.schema.patterns import FORMATS, other_than
from colonnade.prompt.schema.values import (
    TYPES,
    is_number,
    listed,
    merged_numbers,
    type_of,
    types,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.prompt.schema.document import Document
    from colonnade.prompt.schema.overlap import Overlap

_MOST = 256
_MOST_PAIRS = 64
_UNITS = 10
"""Numbers that are not whole are known one by one: those so near to zero."""
_LONGEST = 4000
"""Characters of texts that are left out one by one."""

_OPPOSITES = {
    "minimum": ("number", "exclusiveMaximum"),
    "maximum": ("number", "exclusiveMinimum"),
    "exclusiveMinimum": ("number", "maximum"),
    "exclusiveMaximum": ("number", "minimum"),
}
_COUNTS = {
    "minLength": ("string", "maxLength", -1),
    "maxLength": ("string", "minLength", 1),
    "minItems": ("array", "maxItems", -1),
    "maxItems": ("array", "minItems", 1),
    "minProperties": ("object", "maxProperties", -1),
    "maxProperties": ("object", "minProperties", 1),
}
_SIMPLE = frozenset((*_OPPOSITES, *_COUNTS))
_LOGIC = frozenset(("not", "allOf", "anyOf", "oneOf", "if"))
_OPAQUE = frozenset(
    (
        *("multipleOf", "format", "patternProperties", "propertyNames", "uniqueItems"),
        *("dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems"),
        *("$dynamicRef", "$recursiveRef"),
    )
)
"""Keywords whose opposite cannot be said."""


class Ways(NamedTuple):
    """Schemas whose values all fail another one. ``exact``: no further value fails it."""

    ways: list[Any]
    exact: bool = True


_NONE = Ways([])
_UNKNOWN = Ways([], exact=False)


class Negation:
    """Negates the schemas of one document."""

    def __init__(self, document: Document, overlap: Overlap) -> None:
        self._document = document
        self._overlap = overlap
        self._known: dict[tuple[int, int], tuple[Any, Any, Ways]] = {}

    def alternatives(self, schema: object, given: object = True) -> Ways:
        """Schemas for the values that fail ``schema``, of those alone that satisfy ``given``."""
        if isinstance(schema, bool):
            return _NONE if schema else Ways([True])
        if given is False:  # there are none
            return _NONE
        if not isinstance(schema, dict):
            return _UNKNOWN
        key = id(schema), id(given)
        if key not in self._known:
            self._known[key] = schema, given, _UNKNOWN  # where it comes back to itself
            self._known[key] = schema, given, self._negated(schema, given)
        return self._known[key][2]

    def _negated(self, schema: dict[str, Any], given: object) -> Ways:
        """All the ways to fail a keyword."""
        self._document.visit(schema)
        found: list[Any] = []
        exact = True
        for each in self._by_keyword(schema, given):
            self._document.spend(1 + len(each.ways))
            exact &= each.exact
            found += each.ways
            if len(found) > _MOST:
                return Ways(found[:_MOST], exact=False)
        return Ways([True]) if True in found else Ways(found, exact)

    def _by_keyword(self, schema: dict[str, Any], given: object) -> Iterator[Ways]:
        if isinstance(reference := schema.get("$ref"), str):
            target = self._document.resolve(reference, schema, "#")
            yield self.alternatives(target, given)
        if "type" in schema:
            allowed = types({"type": schema["type"]})
            yield _other_types(allowed, self._overlap.kinds(given))
        if (values := listed(schema)) is not None:
            yield self._other_values(values, given)
        for keyword, value in schema.items():
            if keyword not in ("$ref", "type", "const", "enum"):
                yield self._keyword(keyword, value, schema, given)

    def _keyword(
        self,
        keyword: str,
        value: Any,  # noqa: ANN401
        schema: dict[str, Any],
        given: object,
    ) -> Ways:
        if keyword in _LOGIC:
            return self._logic(keyword, value, schema, given)
        if keyword in _SIMPLE:
            return _beyond(keyword, value)
        match keyword:
            case "pattern":
                return self._other_texts(value)
            case "required":
                return Ways([_without(name) for name in value])
            case "properties":
                return _joined(self._property(name, each, given) for name, each in value.items())
            case "additionalProperties":
                return self._additional(value, schema, given)
            case "items" | "prefixItems" | "contains":
                return self._array(keyword, value, schema, given)
        known = keyword in _OPAQUE and (keyword != "format" or value in FORMATS)
        return _UNKNOWN if known else _NONE

    def _logic(
        self,
        keyword: str,
        value: Any,  # noqa: ANN401
        schema: dict[str, Any],
        given: object,
    ) -> Ways:
        """What fails combined schemas."""
        match keyword:
            case "not":
                return Ways([value])
            case "allOf":
                return _joined(self.alternatives(each, given) for each in value)
            case "anyOf":
                return self._none_of(value, given)
            case "oneOf":
                return self._not_one_of(value, given)
        return self._condition(schema, given)

    def _none_of(self, branches: list[Any], given: object) -> Ways:
        each = [self.alternatives(branch, given) for branch in branches]
        exact = all(ways.exact for ways in each)
        if not all(ways.ways for ways in each):
            return Ways([], exact)
        told = [{"anyOf": ways.ways} for ways in each if True not in ways.ways]
        return Ways([{"allOf": told}] if told else [True], exact)

    def _not_one_of(self, branches: list[Any], given: object) -> Ways:
        """None of them, or two."""
        none, pairs = self._none_of(branches, given), list(combinations(branches, 2))
        two = [{"allOf": list(pair)} for pair in pairs[:_MOST_PAIRS]]
        return Ways([*none.ways, *two], none.exact and len(pairs) <= _MOST_PAIRS)

    def _condition(self, schema: dict[str, Any], given: object) -> Ways:
        """``if`` and not ``then``, or neither ``if`` nor ``else``."""
        met, unmet = schema["if"], self.alternatives(schema["if"], given)
        then = self.alternatives(schema.get("then", True), given)
        otherwise = self.alternatives(schema.get("else", True), given)
        ways = [{"allOf": [met, way]} for way in then.ways]
        if unmet.ways and otherwise.ways:
            ways.append({"allOf": [{"anyOf": unmet.ways}, {"anyOf": otherwise.ways}]})
        relevant = unmet.exact or (otherwise.exact and not otherwise.ways)
        return Ways(ways, then.exact and otherwise.exact and relevant)

    def _property(self, name: str, schema: object, given: object) -> Ways:
        found = self.alternatives(schema, self._inside(given, name))
        return Ways(
            [
                {"type": "object", "properties": {name: way}, "required": [name]}
                for way in found.ways
            ],
            found.exact,
        )

    def _inside(self, given: object, name: str) -> object:
        """What is given of a property."""
        if not isinstance(given, dict):
            return True
        said = [self._overlap.prop(part, name) for part in self._overlap.conjuncts(given)]
        if any(each is False for each in said):
            return False
        said = [each for each in said if each is not True]
        return said[0] if len(said) == 1 else {"allOf": said} if said else True

    def _other_texts(self, pattern: str) -> Ways:
        patterns = self._document.patterns
        language = patterns.language(pattern)
        if language is None:
            return _UNKNOWN
        opposite = patterns.languages.opposite(language)
        found = patterns.spelled(opposite)
        if found is None:
            return Ways([], exact=patterns.is_empty(opposite))
        return Ways([{"type": "string", "pattern": found}])

    def _additional(self, value: object, schema: dict[str, Any], given: object) -> Ways:
        """Objects that have a property of another name, which fails."""
        if schema.get("patternProperties"):
            return _UNKNOWN
        names = set(schema.get("properties") or ())
        possible = self._possible_names(given)
        if possible is not None:
            others = [name for name in possible if name not in names]
            return _joined(self._property(name, value, given) for name in others)
        if value is not False:
            return _UNKNOWN if value is not True else _NONE
        free = {"type": "object", "properties": dict.fromkeys(names, False), "minProperties": 1}
        return Ways([free], exact=not names)

    def _possible_names(self, given: object) -> list[str] | None:
        """The names that properties may have where something closed is given."""
        parts = self._overlap.conjuncts(given) if isinstance(given, dict) else []
        for part in parts:
            if part.get("additionalProperties") is False and not part.get("patternProperties"):
                properties = part.get("properties") or {}
                return [name for name, each in properties.items() if each is not False]
        return None

    def _array(
        self,
        keyword: str,
        value: Any,  # noqa: ANN401
        schema: dict[str, Any],
        given: object,
    ) -> Ways:
        match keyword:
            case "contains" if not {"minContains", "maxContains"} & schema.keys():
                found = self.alternatives(value)
                if not found.ways:
                    return Ways([{"type": "array", "maxItems": 0}], found.exact)
                return Ways([{"type": "array", "items": {"anyOf": found.ways}}], found.exact)
            case "prefixItems":
                return _joined(
                    self._at(number, self.alternatives(each)) for number, each in enumerate(value)
                )
            case "items":
                before = len(schema.get("prefixItems", ()))
                found = self._at(before, self.alternatives(value))
                return Ways(found.ways, found.exact and self._fails_first(value, before, given))
        return _UNKNOWN

    def _at(self, number: int, found: Ways) -> Ways:
        """Arrays whose item of a number fails."""
        before: list[Any] = [True] * number
        return Ways(
            [
                {"type": "array", "prefixItems": [*before, way], "minItems": number + 1}
                for way in found.ways
            ],
            found.exact,
        )

    def _fails_first(self, items: object, before: int, given: object) -> bool:
        """Whether arrays that fail in some item do so in the first: there is no other item, or each
        of what is given fails."""
        if items is False:
            return True
        for part in self._overlap.conjuncts(given) if isinstance(given, dict) else []:
            most = part.get("maxItems")
            if is_number(most) and most <= before + 1:
                return True
            if "prefixItems" not in part and self._overlap.disjoint(part.get("items"), items):
                return True
        return False

    def _other_values(self, values: list[Any], given: object) -> Ways:
        """Everything but some values."""
        self._document.spend(len(values))
        present = merged_numbers(map(type_of, values))
        ways: list[Any] = []
        exact = True
        if others := [kind for kind in TYPES if kind not in {*present, "integer"}]:
            ways.append({"type": others})
        if "boolean" in present:
            ways += [{"const": truth} for truth in (True, False) if not _has(values, truth)]
        if "number" in present:
            numbers = sorted({value for value in values if is_number(value)})
            ways += _between(numbers)
        if texts := [value for value in values if isinstance(value, str)]:
            told = sum(map(len, texts)) <= _LONGEST and max(map(len, texts)) <= _LONGEST // 20
            exact &= told
            ways += [{"type": "string", "pattern": other_than(texts)}] if told else []
        for kind in ("array", "object"):
            if kind in present:
                found = self._other_composites(kind, values, given)
                exact &= found.exact
                ways += found.ways
        return Ways(ways, exact)

    def _other_composites(self, kind: str, values: list[Any], given: object) -> Ways:
        """Arrays, or objects, that are none of some."""
        schemas = [_spelled(value) for value in values if type_of(value) == kind]
        ways = [self.alternatives(schema, given) for schema in schemas]
        told = [{"type": kind}, *({"anyOf": each.ways} for each in ways)]
        return Ways([{"allOf": told}], all(each.exact for each in ways))


def _joined(found: Iterator[Ways]) -> Ways:
    """The ways of several together."""
    ways: list[Any] = []
    exact = True
    for each in found:
        ways += each.ways
        exact &= each.exact
    return Ways(ways, exact)


def _without(name: str) -> dict[str, Any]:
    return {"type": "object", "properties": {name: False}}


def _spelled(value: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A schema for one array or object."""
    if isinstance(value, list):
        parts = [{"const": each} for each in value]
        closed = {"minItems": len(value), "maxItems": len(value)}
        return {"type": "array", **closed, **({"prefixItems": parts} if parts else {})}
    members = {name: {"const": each} for name, each in value.items()}
    return {
        "type": "object",
        "properties": members,
        "required": list(members),
        "additionalProperties": False,
    }


def _other_types(allowed: frozenset[str], possible: frozenset[str]) -> Ways:
    others = [kind for kind in TYPES if kind not in (*allowed, "integer", "number")]
    ways: list[Any] = [{"type": others}] if others else []
    if "number" in allowed or not possible & {"integer", "number"}:
        return Ways(ways)
    if "integer" not in allowed:
        return Ways([*ways, {"type": "number"}])
    if "number" not in possible:
        return Ways(ways)
    near = range(-_UNITS, _UNITS)
    between = ({"exclusiveMinimum": low, "exclusiveMaximum": low + 1} for low in near)
    return Ways([*ways, *({"type": "number", **each} for each in between)], exact=False)


def _beyond(keyword: str, value: float) -> Ways:
    """What lies beyond a bound."""
    if keyword in _OPPOSITES:
        kind, opposite = _OPPOSITES[keyword]
        return Ways([{"type": kind, opposite: value}])
    kind, opposite, step = _COUNTS[keyword]
    return Ways([{"type": kind, opposite: int(value) + step}] if value + step >= 0 else [])


def _has(values: list[Any], truth: bool) -> bool:
    return any(value is truth for value in values)


def _between(numbers: list[float]) -> list[Any]:
    """The numbers before, between and behind some numbers."""
    ranges = (
        {"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": high}
        for low, high in pairwise(numbers)
    )
    return [
        {"type": "number", "exclusiveMaximum": numbers[0]},
        *ranges,
        {"type": "number", "exclusiveMinimum": numbers[-1]},
    ]
