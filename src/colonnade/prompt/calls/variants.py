"""Schemas taken apart: each as alternatives of one kind of value.

A notation spells each kind of value in its own way, so what a schema says with ``allOf``,
``anyOf``, references, lists of types and listed values is put into alternatives of one kind first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from math import isclose
from typing import TYPE_CHECKING, Any, NoReturn

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.calls.kinds import KINDS, kind_of, pointed
from colonnade.prompt.calls.looks import Looks
from colonnade.prompt.calls.texts import settled
from colonnade.prompt.schema import UNIQUE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_MOST = 512
_DEEPEST = 64
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_KEYWORDS: dict[str, tuple[str, ...]] = {
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": _BOUNDS,
    "object": (
        *("properties", "patternProperties", "additionalProperties", "required"),
        *("minProperties", "maxProperties"),
    ),
    "array": ("items", "prefixItems", "minItems", "maxItems", UNIQUE),
    "boolean": (),
    "null": (),
}
_UNKNOWN = (
    *("not", "oneOf", "if", "dependencies", "dependentRequired", "dependentSchemas"),
    *("propertyNames", "contains", "unevaluatedProperties", "unevaluatedItems"),
)
"""What schemas that are prepared do not have any more."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Values of one kind: those that satisfy all ``parts``, which have no other keywords than the
    kind's own. ``values`` are all of them where they are listed: strings, numbers, booleans, null.
    ``whole``: numbers without a fraction.
    """

    kind: str
    parts: tuple[dict[str, Any], ...] = ()
    values: tuple[Any, ...] | None = None
    whole: bool = False

    @property
    def free(self) -> bool:
        """Whether every value of the kind is meant."""
        return not self.parts and self.values is None and not self.whole


ANYTHING = tuple(Variant(kind) for kind in sorted(KINDS))


@dataclass(frozen=True, slots=True)
class _Way:
    kinds: frozenset[str] = KINDS
    whole: bool = False
    parts: tuple[dict[str, Any], ...] = ()


Schema = Any
"""A schema of the document, or a tuple of schemas that all hold."""


class Variants:
    """Takes the parts of one prepared document apart. ``param`` is the field to blame."""

    def __init__(self, root: Mapping[str, Any], param: str) -> None:
        self._root = root
        self._param = param
        self.looks = Looks()
        self._known: dict[tuple[int, ...], tuple[Schema, tuple[Variant, ...]]] = {}

    def of(self, schema: Schema) -> tuple[Variant, ...]:
        """The alternatives of a schema; none where it allows nothing.

        Raises:
            Failure: there are too many, or the schema has a keyword that no grammar has.
        """
        key = identity(schema)
        if key not in self._known:
            found: dict[object, Variant] = {}
            for way in self._ways(schema, 0):
                for kind in sorted(way.kinds):
                    for variant in self._settled(_variants(way, kind)):
                        found.setdefault(_content(variant), variant)
            self._known[key] = schema, _without_narrower(found.values())
        return self._known[key][1]

    def _settled(self, found: Iterable[Variant]) -> Iterator[Variant]:
        for variant in found:
            plain = settled(variant, self.looks) if variant.kind == "string" else variant
            if plain is not None:
                yield plain

    def _ways(self, schema: Schema, depth: int) -> list[_Way]:
        if isinstance(schema, tuple):
            return self._joined([[_Way()], *(self._ways(each, depth + 1) for each in schema)])
        if isinstance(schema, bool) or not isinstance(schema, dict):
            return [] if schema is False else [_Way()]
        if depth > _DEEPEST:
            self._refuse("refers to itself without end")
        for word in _UNKNOWN:
            if word in schema:
                self._refuse(f"has the keyword {word!r}")
        factors = [[_own(schema)]]
        if isinstance(reference := schema.get("$ref"), str):
            factors.append(self._ways(pointed(reference, self._root), depth + 1))
        factors += [self._ways(each, depth + 1) for each in schema.get("allOf") or ()]
        if isinstance(branches := schema.get("anyOf"), list):
            factors.append([way for each in branches for way in self._ways(each, depth + 1)])
        return self._joined(factors)

    def _joined(self, factors: list[list[_Way]]) -> list[_Way]:
        ways = factors[0]
        for factor in factors[1:]:
            ways = [way for pair in product(ways, factor) if (way := _both(*pair)).kinds]
            if len(ways) > _MOST:
                self._refuse(f"has more than {_MOST} alternatives")
        return ways

    def _refuse(self, what: str) -> NoReturn:
        msg = f"The schema cannot be held to in this model's call format: a part of it {what}."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param=self._param)


def _own(schema: dict[str, Any]) -> _Way:
    """What a schema says itself."""
    allowed, whole = KINDS, False
    if "type" in schema:
        types = schema["type"]
        names = types if isinstance(types, list) else [types]
        allowed = frozenset("number" if name == "integer" else str(name) for name in names) & KINDS
        whole = "integer" in names and "number" not in names
    if (values := _listed(schema)) is not None:
        allowed &= {kind_of(value) for value in values}
    return _Way(allowed, whole, (schema,))


def _listed(schema: Mapping[str, Any]) -> list[Any] | None:
    found = schema.get("enum")
    values = found if isinstance(found, list) else None
    if "const" not in schema:
        return values
    constant = schema["const"]
    if values is not None and not any(_same(constant, value) for value in values):
        return []
    return [constant]


def _both(one: _Way, other: _Way) -> _Way:
    return _Way(one.kinds & other.kinds, one.whole or other.whole, one.parts + other.parts)


def _variants(way: _Way, kind: str) -> Iterator[Variant]:
    """What a way allows of one kind: several where it lists objects or arrays."""
    parts: list[dict[str, Any]] = []
    lists: list[list[Any]] = []
    for schema in way.parts:
        part = {word: schema[word] for word in _KEYWORDS[kind] if word in schema}
        if part and part not in parts:
            parts.append(part)
        if (values := _listed(schema)) is not None:
            lists.append([value for value in values if kind_of(value) == kind])
    if not lists:
        yield Variant(kind, tuple(parts), whole=way.whole and kind == "number")
        return
    values = [v for v in lists[0] if all(any(_same(v, w) for w in each) for each in lists[1:])]
    if kind in ("object", "array"):
        yield from (Variant(kind, (*parts, _constant(value))) for value in values)
        return
    if kind == "number":
        values = [value for value in values if _holds(value, parts, whole=way.whole)]
        parts = []
    if values:
        yield Variant(kind, tuple(parts), tuple(values))


def _constant(value: Any) -> dict[str, Any]:  # noqa: ANN401
    """A schema of one object or array alone."""
    if isinstance(value, dict):
        return {
            "properties": {name: {"const": each} for name, each in value.items()},
            "required": list(value),
            "additionalProperties": False,
        }
    return {
        "prefixItems": [{"const": each} for each in value],
        "items": False,
        "minItems": len(value),
    }


def identity(schema: Schema) -> tuple[int, ...]:
    """What tells a schema from others, as long as it is kept."""
    if isinstance(schema, tuple):
        return tuple(sorted({id(each) for each in schema}))
    return (id(schema),)


def _content(variant: Variant) -> object:
    """What tells a variant from others of the same schema."""
    parts = tuple(
        (word, value if isinstance(value, str | int | float) else id(value))
        for part in variant.parts
        for word, value in part.items()
    )
    return variant.kind, parts, json.dumps(variant.values), variant.whole


def _without_narrower(found: Iterable[Variant]) -> tuple[Variant, ...]:
    """Leave out what a free variant of the same kind allows too."""
    variants = tuple(found)
    free = {variant.kind for variant in variants if variant.free}
    return tuple(each for each in variants if each.free or each.kind not in free)


def _same(one: Any, two: Any) -> bool:  # noqa: ANN401
    """Whether two JSON values are equal: 1 is 1.0, and not true."""
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(_same, one, two))
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(_same(one[key], two[key]) for key in one)
    return bool(one == two)


def _holds(value: float, parts: Iterable[Mapping[str, Any]], *, whole: bool) -> bool:
    """Whether a number satisfies bounds."""
    if whole and value != int(value):
        return False
    for part in parts:
        least, most = part.get("minimum", value), part.get("maximum", value)
        above, below = part.get("exclusiveMinimum"), part.get("exclusiveMaximum")
        if value < least or value > most:
            return False
        if (above is not None and value <= above) or (below is not None and value >= below):
            return False
        step = part.get("multipleOf")
        if step is not None and not isclose(value / step, round(value / step), rel_tol=1e-12):
            return False
    return True
