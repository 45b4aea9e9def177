"""``unevaluatedProperties`` and ``unevaluatedItems``: what no schema for the same value speaks of.

Which schemas speak depends on which branches hold. So the ways in which they may are spelled out,
each with what then is spoken of: a value in which further branches hold satisfies another way.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.prompt.schema.document import Document

_MOST_WAYS = 64
_DEEPEST = 12


class _Seen(NamedTuple):
    """What a schema speaks of in one of its ways.

    ``holds`` are schemas that hold in this way; ``names`` and ``patterns`` those of properties,
    ``first`` the number of items; ``all_names`` and ``all_items`` where nothing is left.
    """

    holds: tuple[Any, ...] = ()
    names: frozenset[str] = frozenset()
    patterns: frozenset[str] = frozenset()
    first: int = 0
    all_names: bool = False
    all_items: bool = False

    def __or__(self, other: _Seen) -> _Seen:
        return _Seen(
            (*self.holds, *(each for each in other.holds if each not in self.holds)),
            self.names | other.names,
            self.patterns | other.patterns,
            max(self.first, other.first),
            self.all_names or other.all_names,
            self.all_items or other.all_items,
        )

    def sees_more(self, word: str) -> bool:
        """Whether it speaks of anything, for one of the keywords."""
        if word == "unevaluatedItems":
            return self.all_items or self.first > 0
        return self.all_names or bool(self.names or self.patterns)


def evaluated(schema: dict[str, Any], document: Document, path: str) -> dict[str, Any]:
    """Put both keywords into schemas for the properties and items that nothing speaks of.

    Raises:
        Failure: there are too many ways.
    """
    for word in ("unevaluatedProperties", "unevaluatedItems"):
        if word in schema:
            schema = _closed(word, schema, document, path)
    return schema


def _closed(word: str, schema: dict[str, Any], document: Document, path: str) -> dict[str, Any]:
    rest = {keyword: value for keyword, value in schema.items() if keyword != word}
    left = schema[word]
    if left is True or ("additionalProperties" if word[-10:] == "Properties" else "items") in rest:
        return rest
    if word == "unevaluatedItems" and "contains" in rest:
        document.narrow(word, path, "items that satisfy 'contains' alone")
    ways = _Ways(word, document, path).of(rest)
    options = [_option(word, way, left) for way in _needed(word, ways)]
    if True in options:
        return rest
    if len(options) == 1 and not {"allOf", "$ref", "$dynamicRef"} & rest.keys():
        return {**rest, **_bounds(word, ways[0], left, rest)}
    return {**rest, "allOf": [*rest.get("allOf", ()), {"anyOf": options}]}


def _needed(word: str, ways: list[_Seen]) -> list[_Seen]:
    """The ways without those that speak of no more than one with fewer conditions."""

    def covers(one: _Seen, two: _Seen) -> bool:
        if not all(each in two.holds for each in one.holds):
            return False
        if word == "unevaluatedItems":
            return one.all_items or (not two.all_items and one.first >= two.first)
        if one.all_names:
            return True
        return not two.all_names and one.names >= two.names and one.patterns >= two.patterns

    kept: list[_Seen] = []
    for way in sorted(ways, key=lambda each: len(each.holds)):
        if not any(covers(other, way) for other in kept):
            kept.append(way)
    return kept


def _option(word: str, way: _Seen, left: Any) -> Any:  # noqa: ANN401 - a schema
    """A schema for the values of one way."""
    nothing_left = way.all_items if word == "unevaluatedItems" else way.all_names
    parts = [*way.holds, *([] if nothing_left else [_bounds(word, way, left, {})])]
    return parts[0] if len(parts) == 1 else {"allOf": parts} if parts else True


def _bounds(word: str, way: _Seen, left: Any, schema: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """Keywords for what a way does not speak of. ``schema`` is what they are put into."""
    if word == "unevaluatedItems":
        first = schema.get("prefixItems", [True] * way.first)
        return {"items": left, **({"prefixItems": first} if first else {})}
    patterns = dict.fromkeys(sorted(way.patterns), True)
    found = {
        "properties": {**dict.fromkeys(sorted(way.names), True), **schema.get("properties", {})},
        "patternProperties": {**patterns, **schema.get("patternProperties", {})},
        "additionalProperties": left,
    }
    return {keyword: value for keyword, value in found.items() if value != {}}


class _Ways:
    """Finds the ways in which the schemas for a value speak of its parts."""

    def __init__(self, word: str, document: Document, path: str) -> None:
        self._word = word
        self._document = document
        self._path = path

    def of(self, schema: Any, depth: int = 0) -> list[_Seen]:  # noqa: ANN401
        """The ways of a schema, without what its own keywords leave."""
        if not isinstance(schema, dict):
            return [_Seen()]
        self._document.visit(schema)
        if depth > _DEEPEST:
            raise self._refused("is too deep")
        found = [_own(schema)]
        for ways in self._parts(schema, depth + 1):
            self._document.spend(len(found) * len(ways))
            found = [one | two for one, two in product(found, ways)]
            found = _needed(self._word, found)
            if len(found) > _MOST_WAYS:
                raise self._refused("has too many branches")
        return found

    def _parts(self, schema: dict[str, Any], depth: int) -> Iterator[list[_Seen]]:
        """For each of the schemas inside, its ways, and that it may not hold."""
        for word in ("$ref", "$dynamicRef"):
            if word in schema:
                yield self.of(self._target(word, schema), depth)
        yield from (self.of(each, depth) for each in schema.get("allOf", ()))
        yield from (self._perhaps(each, each, depth) for each in schema.get("anyOf", ()))
        if "oneOf" in schema:
            each_alone = [self._perhaps(each, each, depth)[1:] for each in schema["oneOf"]]
            yield [_Seen(), *(way for ways in each_alone for way in ways)]
        if "if" in schema:
            met = {"allOf": [schema["if"], schema.get("then", True)]}
            unmet = self._perhaps({"not": schema["if"]}, schema.get("else", True), depth)
            yield [*self._perhaps(schema["if"], met, depth), *unmet[1:]]
        for name, each in schema.get("dependentSchemas", {}).items():
            yield self._perhaps({"required": [name]}, each, depth)

    def _perhaps(self, condition: Any, schema: Any, depth: int) -> list[_Seen]:  # noqa: ANN401
        """The ways of a schema where a condition holds, and before them that it does not."""
        ways = [way for way in self.of(schema, depth) if way.sees_more(self._word)]
        return [_Seen(), *(_Seen((condition,)) | way for way in ways)]

    def _target(self, word: str, schema: dict[str, Any]) -> Any:  # noqa: ANN401
        if word == "$dynamicRef" and not self._document.is_one_piece:
            raise self._refused("stands beside a dynamic reference")
        return self._document.resolve(schema[word], schema, f"{self._path}/{word}")

    def _refused(self, why: str) -> Exception:
        reason = f"what {self._word!r} belongs to {why}"
        return self._document.refused(f"{self._path}/{self._word}", reason)


def _own(schema: dict[str, Any]) -> _Seen:
    """What a schema's own keywords speak of."""
    return _Seen(
        names=frozenset(schema.get("properties", ())),
        patterns=frozenset(schema.get("patternProperties", ())),
        first=len(schema.get("prefixItems", ())),
        all_names=bool({"additionalProperties", "unevaluatedProperties"} & schema.keys()),
        all_items=bool({"items", "unevaluatedItems"} & schema.keys()),
    )
