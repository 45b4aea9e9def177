"""Whether schemas can share a value."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from colonnade.prompt.schema.values import (
    TYPES,
    allows,
    is_number,
    key_of,
    listed,
    merged_numbers,
    names_in,
    shared_types,
    types,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from colonnade.prompt.schema.document import Document

_RANGES = {
    "number": (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")),
    "string": (("minLength",), ("maxLength",)),
    "array": (("minItems",), ("maxItems",)),
}


class _Print(NamedTuple):
    """What is known of a schema without comparing it: its types, the keys of the values that are
    listed for it, and for properties that its objects have to have, those listed for them."""

    kinds: set[str]
    keys: frozenset[Hashable] | None
    tags: dict[str, frozenset[Hashable]]


class Overlap:
    """Finds out whether schemas of one document can share a value.

    What was found out about a schema or a pair is remembered by identity. The schemas are kept
    alive with it.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._pairs: dict[tuple[int, int], tuple[Any, Any, bool]] = {}
        self._conjuncts: dict[int, tuple[Any, list[dict[str, Any]]]] = {}
        self._props: dict[tuple[int, str], tuple[Any, Any]] = {}
        self._keys: dict[int, tuple[Any, frozenset[Hashable] | None]] = {}

    def disjoint(self, one: object, two: object) -> bool:
        """Whether no value satisfies both, as far as can be seen."""
        if one is False or two is False:
            return True
        if not isinstance(one, dict) or not isinstance(two, dict):
            return False
        pair = (id(one), id(two)) if id(one) < id(two) else (id(two), id(one))
        if pair in self._pairs:
            return self._pairs[pair][2]
        self._document.spend()
        self._pairs[pair] = one, two, False  # also ends the search where it comes back
        apart = any(
            self._disjoint(first, second)
            for first in self.conjuncts(one)
            for second in self.conjuncts(two)
        )
        self._pairs[pair] = one, two, apart
        return apart

    def conjuncts(self, schema: dict[str, Any]) -> list[dict[str, Any]]:
        """The schema and all that it takes in by reference or ``allOf``."""
        known = self._conjuncts.get(id(schema))
        if known is not None:
            return known[1]
        self._document.visit(schema)
        found = [schema]
        self._conjuncts[id(schema)] = schema, found
        parts = list(schema.get("allOf") or ())
        if isinstance(reference := schema.get("$ref"), str):
            parts.append(self._document.resolve(reference, schema, "#"))
        seen = {id(schema)}
        for part in parts:
            if isinstance(part, dict):
                inside = self.conjuncts(part)
                self._document.spend(len(inside))
                found += [each for each in inside if id(each) not in seen]
                seen.update(map(id, inside))
        return found

    def kinds(self, schema: object) -> frozenset[str]:
        """The types that a schema allows, by all that it takes in."""
        found = frozenset(TYPES)
        for part in self.conjuncts(schema) if isinstance(schema, dict) else []:
            mine = types(part)
            found = frozenset(kind for kind in found if allows(mine, kind))
        return found

    def keys(self, schema: dict[str, Any]) -> frozenset[Hashable] | None:
        """The keys of the values that a schema lists by ``const`` or ``enum``, None for neither."""
        known = self._keys.get(id(schema))
        if known is None:
            values = listed(schema)
            self._document.spend(len(values or ()))
            found = None if values is None else frozenset(map(key_of, values))
            known = self._keys[id(schema)] = schema, found
        return known[1]

    def meeting(self, branches: list[Any], beside: dict[str, Any]) -> list[list[int]]:
        """For each branch the numbers of others that it may share a value with, where all values
        satisfy ``beside`` too.

        Branches that list their values, or those of a property of theirs, are told apart by hash:
        only the rest is compared.
        """
        prints = [self._print(branch) for branch in branches]
        common = self._print(beside)
        found: list[set[int]] = [set() for _ in branches]
        for one, two in self._near(prints, common):
            self._document.spend()
            if two not in found[one] and not self.disjoint(branches[one], branches[two]):
                found[one].add(two)
                found[two].add(one)
        return [sorted(each) for each in found]

    def _near(self, prints: list[_Print], common: _Print) -> Iterable[tuple[int, int]]:
        """The pairs that prints cannot tell apart."""
        for kind in merged_numbers(common.kinds):
            members = [number for number, each in enumerate(prints) if kind in each.kinds]
            name = _discriminator(prints[number] for number in members)
            indexed: dict[Hashable, list[int]] = defaultdict(list)
            wild: list[int] = []
            for number in members:
                keys = prints[number].keys
                if keys is None and kind == "object" and name is not None:
                    keys = prints[number].tags.get(name)
                elif kind == "object" and name is not None:
                    keys = None
                if keys is None:
                    wild.append(number)
                else:
                    self._document.spend(len(keys))
                    for key in keys:
                        indexed[key].append(number)
            for same in indexed.values():
                yield from ((one, two) for i, one in enumerate(same) for two in same[:i])
            seen = set(wild)
            yield from (
                (one, two) for one in wild for two in members if two < one or two not in seen
            )

    def _print(self, schema: object) -> _Print:
        if not isinstance(schema, dict):
            return _Print(merged_numbers(types({})), None, {})
        kinds = merged_numbers(types({}))
        keys: frozenset[Hashable] | None = None
        tags: dict[str, frozenset[Hashable]] = {}
        parts = self.conjuncts(schema)
        required = {name for part in parts for name in names_in(part.get("required"))}
        for part in parts:
            kinds &= merged_numbers(types(part))
            keys = _both(keys, self.keys(part))
            properties = part.get("properties")
            if isinstance(properties, dict):
                for name in required & properties.keys():
                    found = _both(tags.get(name), self._listed_deep(properties[name]))
                    if found is not None:
                        tags[name] = found
        return _Print(kinds, keys, tags)

    def _listed_deep(self, schema: object) -> frozenset[Hashable] | None:
        """The keys that a property's schema lists, over its references."""
        found: frozenset[Hashable] | None = None
        if isinstance(schema, dict):
            for part in self.conjuncts(schema):
                found = _both(found, self.keys(part))
        return found

    def _disjoint(self, one: dict[str, Any], two: dict[str, Any]) -> bool:
        for first, second in ((one, two), (two, one)):
            for word in ("anyOf", "oneOf"):
                branches = first.get(word)
                if isinstance(branches, list) and all(
                    self.disjoint(branch, second) for branch in branches
                ):
                    return True
        shared = shared_types(types(one), types(two))
        if not shared:
            return True
        keys, others = self.keys(one), self.keys(two)
        if keys is not None and others is not None:
            return keys.isdisjoint(others)
        return all(self._apart(kind, one, two) for kind in shared)

    def _apart(self, kind: str, one: dict[str, Any], two: dict[str, Any]) -> bool:
        """Whether no value of a type satisfies both."""
        if kind in _RANGES:
            below = _below(kind, one, two) or _below(kind, two, one)
            return below or (kind == "string" and self._other_texts(one, two))
        if kind != "object":
            return False
        required = {*names_in(one.get("required")), *names_in(two.get("required"))}
        self._document.spend(len(required))
        return any(self.disjoint(self.prop(one, key), self.prop(two, key)) for key in required)

    def _other_texts(self, one: dict[str, Any], two: dict[str, Any]) -> bool:
        """Whether no text satisfies both."""
        if not any(word in schema for schema in (one, two) for word in ("pattern", "maxLength")):
            return False
        patterns = self._document.patterns
        found = [patterns.texts(schema)[0] for schema in (one, two)]
        return patterns.is_empty(patterns.languages.both(found))

    def prop(self, schema: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - a schema
        """What a schema says of a property by itself; true where that is not known."""
        key = id(schema), name
        if key not in self._props:
            self._props[key] = schema, self._prop(schema, name)
        return self._props[key][1]

    def _prop(self, schema: dict[str, Any], name: str) -> Any:  # noqa: ANN401
        properties, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        said = [properties[name]] if name in properties else []
        for pattern, each in patterns.items():
            matched = self._document.patterns.matches(pattern, name)
            if matched is None and name not in properties:
                return True
            said += [each] if matched else []
        if not said:
            return schema.get("additionalProperties", True)
        return said[0] if len(said) == 1 else {"allOf": said}


def _discriminator(prints: Iterable[_Print]) -> str | None:
    """The property that most of some branches tell themselves apart by."""
    counts = Counter(name for each in prints if each.keys is None for name in each.tags)
    return max(counts, key=counts.__getitem__, default=None)


def _both(
    one: frozenset[Hashable] | None, two: frozenset[Hashable] | None
) -> frozenset[Hashable] | None:
    if one is None or two is None:
        return two if one is None else one
    return one & two


def _below(kind: str, one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    """Whether everything in one range lies below everything in the other."""
    lows, highs = _RANGES[kind]
    high = min((one[word] for word in highs if is_number(one.get(word))), default=None)
    low = max((two[word] for word in lows if is_number(two.get(word))), default=None)
    values = listed(one)
    if high is None and values and kind == "number":
        high = max(filter(is_number, values), default=None)
    values = listed(two)
    if low is None and values and kind == "number":
        low = min(filter(is_number, values), default=None)
    return high is not None and low is not None and high < low
