"""What has to differ in the JSON of some schemas, and no grammar can say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from colonnade.messages import Differences, JsonPlace, JsonStart
from colonnade.prompt.schema.counting import at_least

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Places = tuple[int, ...]

_NONE = -1
UNIQUE = "x-unique"
"""In a prepared schema: the items of an array are all different. The compiler of grammars passes
over it."""
_IN_PLACE = ("allOf", "anyOf", "oneOf")
_WRAPPING = frozenset(("$ref", "$defs", *_IN_PLACE))
_FREE_TEXT = frozenset(("type", "minLength"))


class Differing:
    """Collects the places of prepared schemas: one for each schema.

    Where several may hold for a value, it keeps to all of them: in ``anyOf`` that may be more than
    has to hold.
    """

    def __init__(self) -> None:
        self.open = False
        """Whether an object may have keys that its schema does not name."""
        self._numbers: dict[int, int] = {}
        self._schemas: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
        """Each schema, which keeps its identity, and the document that it is a part of."""
        self._places: list[JsonPlace] = []

    def add(self, schema: object, root: Mapping[str, Any] | None = None) -> Places:
        """The places of what a schema describes, or all of several. ``root`` has the definitions
        that it refers to; its own unless given."""
        document = root if root is not None else schema if isinstance(schema, dict) else {}
        places = self._all(schema if isinstance(schema, tuple) else (schema,), document)
        while len(self._places) < len(self._schemas):
            self._places.append(self._place(*self._schemas[len(self._places)]))
        return places

    def found(self, starts: Iterable[JsonStart]) -> Differences | None:
        """All of it, for JSON that begins as ``starts`` say; None where a grammar says all."""
        weighty = self._weighty()
        if not weighty and not self.open:
            return None
        if not weighty:
            return Differences(tuple(JsonStart(each.scope, each.pattern) for each in starts))

        def kept(places: Places) -> Places:
            return tuple(place for place in places if place in weighty)

        cut = [
            replace(
                each,
                properties=tuple((k, n if n in weighty else _NONE) for k, n in each.properties),
                others=kept(each.others),
                patterns=kept(each.patterns),
                first=tuple(n if n in weighty else _NONE for n in each.first),
                items=kept(each.items),
            )
            for each in self._places
        ]
        begun = [JsonStart(each.scope, each.pattern, kept(each.places)) for each in starts]
        return Differences(tuple(begun), tuple(cut))

    def _all(self, schemas: Iterable[object], root: Mapping[str, Any]) -> Places:
        numbers = {self._number(each, root) for each in schemas}
        return tuple(sorted(numbers - {_NONE}))

    def _number(self, schema: object, root: Mapping[str, Any]) -> int:
        """The number of a schema's place; none for one that allows everything, or nothing."""
        if not isinstance(schema, dict):
            self.open |= schema is not False
            return _NONE
        number = self._numbers.get(id(schema))
        if number is None:
            number = self._numbers[id(schema)] = len(self._schemas)
            self._schemas.append((schema, root))
        return number

    def _place(self, schema: Mapping[str, Any], root: Mapping[str, Any]) -> JsonPlace:
        self.open |= _is_open(schema)
        patterns = schema.get("patternProperties") or {}
        more = schema.get("additionalProperties", False)
        items, first = schema.get("items"), schema.get("prefixItems") or ()
        unique = schema.get(UNIQUE) is True
        lists = unique or items is not None
        return JsonPlace(
            different=unique,
            scarce=bool(patterns or first or (lists and not _is_free_text(items, root))),
            same=self._all(_in_place(schema, root), root),
            properties=tuple(
                (key, self._number(each, root))
                for key, each in (schema.get("properties") or {}).items()
            ),
            others=self._all([more], root),
            patterns=self._all(patterns.values(), root),
            first=tuple(self._number(each, root) for each in first),
            items=() if items is None else self._all([items], root),
            values=at_least(followed(items, root)) if unique else 0,
            lists=_speaks_of("array", schema),
            maps=_speaks_of("object", schema),
        )

    def _weighty(self) -> set[int]:
        """The places that ask for something, and those that lead there."""
        owners: dict[int, list[int]] = {}
        for number, place in enumerate(self._places):
            for inner in _inner(place):
                owners.setdefault(inner, []).append(number)
        found: set[int] = set()
        waiting = [number for number, place in enumerate(self._places) if self._asks(number, place)]
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                waiting += owners.get(number, ())
        return found

    def _asks(self, number: int, place: JsonPlace) -> bool:
        return place.different or bool(self._schemas[number][0].get("patternProperties"))


def _in_place(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Iterable[object]:
    """The schemas that hold for the same value as one."""
    for word in _IN_PLACE:
        yield from schema.get(word) or ()
    if "$ref" in schema:
        yield _target(schema, root)


def followed(schema: object, root: Mapping[str, Any]) -> object:
    """What a schema that is a reference and nothing else leads to."""
    for _ in range(len(root.get("$defs") or ()) + 1):
        if not isinstance(schema, dict) or schema.keys() != {"$ref"}:
            break
        schema = _target(schema, root)
    return schema


def _target(schema: Mapping[str, Any], root: Mapping[str, Any]) -> object:
    """What a reference of a prepared schema means: all of them lead to a definition."""
    name = str(schema["$ref"]).removeprefix("#/$defs/")
    return (root.get("$defs") or {}).get(name, True)


def _inner(place: JsonPlace) -> Sequence[int]:
    named = (number for _, number in place.properties)
    return (*place.same, *named, *place.others, *place.patterns, *place.first, *place.items)


def _is_open(schema: Mapping[str, Any]) -> bool:
    """Whether a schema by itself allows objects with other keys than those it names."""
    if _WRAPPING.issuperset(schema) and schema:
        return False
    if "const" in schema or "enum" in schema:
        return False
    given = schema.get("type", ["object", "array"])
    kinds = given if isinstance(given, list) else [given]
    anything = "array" in kinds and schema.get("items", True) is True
    if anything and schema.get("maxItems") != 0:
        return True
    closed = schema.get("additionalProperties") is False and not schema.get("patternProperties")
    return "object" in kinds and not closed


def _speaks_of(kind: str, schema: Mapping[str, Any]) -> bool:
    """Whether a schema by itself says anything of one kind of values."""
    given = schema.get("type", kind)
    return not _WRAPPING.issuperset(schema) and (given == kind or kind in given)


def _is_free_text(schema: object, root: Mapping[str, Any]) -> bool:
    """Whether a schema allows strings alone, of which none is so long that it could not go on."""
    schema = followed(schema, root)
    return (
        isinstance(schema, dict)
        and schema.get("type") == "string"
        and _FREE_TEXT.issuperset(schema)
    )
