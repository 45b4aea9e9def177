"""What does *not* satisfy a schema, as schemas: some of it, where all of it cannot be said."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from colonnade.prompt.schema.patterns import other_than
from colonnade.prompt.schema.values import TYPES, type_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.prompt.schema.document import Document

_DEPTH = 8
_MOST = 64
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


_INSIDE = frozenset({"required", "properties", "items", "contains"})
_LOGIC = frozenset({"not", "allOf", "anyOf", "oneOf"})


class Negation:
    """Negates the schemas of one document."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def alternatives(self, schema: object, depth: int = 0) -> list[Any]:
        """Schemas whose values all fail ``schema``; none where no such value can be described."""
        if isinstance(schema, bool):
            return [] if schema else [True]
        if not isinstance(schema, dict) or depth > _DEPTH:
            return []
        found: list[Any] = []
        for each in self._ways(schema, depth):
            found.append(each)
            if each is True or len(found) == _MOST:
                break
        return [True] if True in found else found

    def _ways(self, schema: dict[str, Any], depth: int) -> Iterator[Any]:
        """One after the other, the ways to fail a keyword."""
        if isinstance(reference := schema.get("$ref"), str):
            target = self._document.resolve(reference, schema, "#")
            yield from self.alternatives(target, depth + 1)
            if self._document.old:
                return
        yield from _other_types(schema)
        for keyword, value in schema.items():
            if keyword == "const":
                yield from _other_values([value])
            elif keyword == "enum" and isinstance(value, list):
                yield from _other_values(value)
            elif keyword in _INSIDE:
                yield from self._inside(keyword, value, depth)
            elif keyword in _LOGIC:
                yield from self._logic(keyword, value, depth)
            else:
                yield from _beyond(keyword, value)

    def _inside(self, keyword: str, value: Any, depth: int) -> Iterator[Any]:  # noqa: ANN401
        """Objects and arrays that fail in one of their parts."""
        match keyword:
            case "required" if isinstance(value, list):
                yield from ({"type": "object", "properties": {name: False}} for name in value)
            case "properties" if isinstance(value, dict):
                for name, each in value.items():
                    for other in self.alternatives(each, depth + 1):
                        part = {"properties": {name: other}, "required": [name]}
                        yield {"type": "object", **part}
            case "items" if isinstance(value, dict | bool):
                for other in self.alternatives(value, depth + 1):
                    yield {"type": "array", "prefixItems": [other], "minItems": 1}
            case "contains":
                for other in self.alternatives(value, depth + 1):
                    yield {"type": "array", "items": other}

    def _logic(self, keyword: str, value: Any, depth: int) -> Iterator[Any]:  # noqa: ANN401
        """What fails combined schemas."""
        if keyword == "not":
            yield value
        elif keyword == "allOf" and isinstance(value, list):
            for each in value:
                yield from self.alternatives(each, depth + 1)
        elif isinstance(value, list):
            yield from self._none_of(value, depth)

    def _none_of(self, branches: list[Any], depth: int) -> Iterator[Any]:
        each = [self.alternatives(branch, depth + 1) for branch in branches]
        if all(each):
            yield {"allOf": [{"anyOf": ways} for ways in each]}


def _other_types(schema: dict[str, Any]) -> Iterator[Any]:
    given = schema.get("type")
    names = {given} if isinstance(given, str) else set(given) if isinstance(given, list) else None
    if names is None:
        return
    if "number" in names or "integer" in names:
        names |= {"number", "integer"}  # a number that is not whole cannot be described
    else:
        names.add("integer")  # counted among the numbers
    if others := [kind for kind in TYPES if kind not in names]:
        yield {"type": others}


def _beyond(keyword: str, value: object) -> Iterator[Any]:
    """What lies beyond a bound."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if keyword in _OPPOSITES:
        kind, opposite = _OPPOSITES[keyword]
        yield {"type": kind, opposite: value}
    elif keyword in _COUNTS:
        kind, opposite, step = _COUNTS[keyword]
        if value + step >= 0:
            yield {"type": kind, opposite: int(value) + step}


def _other_values(values: list[Any]) -> Iterator[Any]:
    """Everything but some values; of lists and objects nothing where one of them is among these."""
    present = {"number" if type_of(v) == "integer" else type_of(v) for v in values}
    if others := [kind for kind in TYPES if kind not in {*present, "integer"}]:
        yield {"type": others}
    if "boolean" in present:
        yield from ({"const": truth} for truth in (True, False) if not _has(values, truth))
    if "number" in present:
        yield from _between(sorted({v for v in values if type_of(v) in ("integer", "number")}))
    texts = [value for value in values if isinstance(value, str)]
    if texts and sum(map(len, texts)) <= _LONGEST and max(map(len, texts)) <= _LONGEST // 20:
        yield {"type": "string", "pattern": other_than(texts)}


def _has(values: list[Any], truth: bool) -> bool:
    return any(value is truth for value in values)


def _between(numbers: list[float]) -> Iterator[Any]:
    """The numbers before, between and behind some numbers."""
    yield {"type": "number", "exclusiveMaximum": numbers[0]}
    for low, high in pairwise(numbers):
        yield {"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": high}
    yield {"type": "number", "exclusiveMinimum": numbers[-1]}
