"""Which kinds of JSON values a schema allows: it decides how a parameter is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

Schema = dict[str, Any] | bool

KINDS = frozenset({"string", "number", "boolean", "null", "object", "array"})
"""Of JSON values; ``integer`` counts as ``number``."""
NO_KINDS: frozenset[str] = frozenset()

_MAX_STEPS = 64
_MAX_DEPTH = 16
_MOST_PARTS = 4000


def resolve(schema: object, root: object) -> Schema:
    """Follow ``$ref`` inside the document ``root``. What leads nowhere allows everything."""
    for _ in range(_MAX_STEPS):
        if not isinstance(schema, dict):
            return schema if isinstance(schema, bool) else True
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        schema = pointed(reference, root)
    return True


def pointed(reference: str, root: object) -> object:
    """What a reference such as ``#/$defs/a`` points to, None where that is nothing."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    found = root
    for step in unquote(reference).removeprefix("#").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        elif isinstance(found, dict):
            found = found.get(key)
        else:
            return None
    return found


def kinds(schema: object, root: object) -> frozenset[str]:
    """The kinds of values that a schema allows, as far as it says."""
    return _Kinds(root).of(schema)


def argument_kinds(parameters: Mapping[str, Any], name: str | None) -> frozenset[str]:
    """The kinds of values that a tool's parameters, a client's schema, allow for one of them.

    A ``name`` of None stands for all that are not described by their names.
    """
    return _Kinds(parameters).of_member(parameters, name) or KINDS


class _Kinds:
    """Finds kinds in one document. What it does not come to the end of allows all."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._known: dict[int, frozenset[str]] = {}
        self._steps = _MOST_PARTS

    def of(self, schema: object) -> frozenset[str]:
        plain = resolve(schema, self._root)
        if isinstance(plain, bool):
            return KINDS if plain else NO_KINDS
        if (found := self._known.get(id(plain))) is not None:
            return found
        self._known[id(plain)] = KINDS  # where it comes back to itself
        self._steps -= 1
        if self._steps < 0:
            return KINDS
        allowed = _stated(plain)
        for word in ("anyOf", "oneOf"):
            if isinstance(branches := plain.get(word), list):
                allowed &= frozenset[str]().union(*map(self.of, branches))
        for branch in _list(plain, "allOf"):
            allowed &= self.of(branch)
        self._known[id(plain)] = allowed
        return allowed

    def of_member(self, schema: object, name: str | None, depth: int = 0) -> frozenset[str]:
        """The kinds of a member of objects."""
        plain = resolve(schema, self._root)
        self._steps -= 1
        if isinstance(plain, bool) or depth > _MAX_DEPTH or self._steps < 0:
            return KINDS
        allowed = self._own_member(plain, name)
        if name is None and any(word in plain for word in ("anyOf", "oneOf", "allOf")):
            return KINDS  # where the other parts may describe it by its name
        for word in ("anyOf", "oneOf"):
            if isinstance(branches := plain.get(word), list):
                found = (self.of_member(branch, name, depth + 1) for branch in branches)
                allowed &= frozenset[str]().union(*found)
        for branch in _list(plain, "allOf"):
            allowed &= self.of_member(branch, name, depth + 1)
        return allowed

    def _own_member(self, schema: dict[str, Any], name: str | None) -> frozenset[str]:
        properties, patterns = schema.get("properties"), schema.get("patternProperties")
        if isinstance(properties, dict) and name in properties:
            return self.of(properties[name])
        rest = schema.get("additionalProperties", True)
        found = [self.of(rest if isinstance(rest, dict) else True)]
        if isinstance(patterns, dict):
            found += map(self.of, patterns.values())
        return frozenset[str]().union(*found)


def _list(schema: dict[str, Any], word: str) -> list[Any]:
    found = schema.get(word)
    return found if isinstance(found, list) else []


def _stated(schema: dict[str, Any]) -> frozenset[str]:
    """What ``type``, ``const`` and ``enum`` allow."""
    allowed = KINDS
    if "type" in schema:
        types = schema["type"]
        names = cast("list[object]", types if isinstance(types, list) else [types])
        allowed &= {"number" if name == "integer" else str(name) for name in names}
    if "const" in schema:
        allowed &= {kind_of(schema["const"])}
    if isinstance(values := schema.get("enum"), list):
        allowed &= {kind_of(value) for value in values}
    return allowed


def kind_of(value: object) -> str:
    """The kind of a JSON value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case int() | float():
            return "number"
        case dict():
            return "object"
        case _:
            return "array"
