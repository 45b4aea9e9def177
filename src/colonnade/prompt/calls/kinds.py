"""Which kinds of JSON values a schema allows: it decides how a parameter is written."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import unquote

Schema = dict[str, Any] | bool

KINDS = frozenset({"string", "number", "boolean", "null", "object", "array"})
"""Of JSON values; ``integer`` counts as ``number``."""
NO_KINDS: frozenset[str] = frozenset()

_MAX_STEPS = 64


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
    if not reference.startswith("#"):
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
    return _kinds(schema, root, 0)


def _kinds(schema: object, root: object, depth: int) -> frozenset[str]:
    plain = resolve(schema, root)
    if isinstance(plain, bool):
        return KINDS if plain else NO_KINDS
    allowed = _stated(plain)
    if depth > _MAX_STEPS:
        return allowed
    for word in ("anyOf", "oneOf"):
        if isinstance(branches := plain.get(word), list):
            allowed &= frozenset().union(*(_kinds(b, root, depth + 1) for b in branches))
    if isinstance(branches := plain.get("allOf"), list):
        for branch in branches:
            allowed &= _kinds(branch, root, depth + 1)
    return allowed


def _stated(schema: dict[str, Any]) -> frozenset[str]:
    """What ``type``, ``const`` and ``enum`` allow."""
    allowed = KINDS
    if "type" in schema:
        types = schema["type"]
        names = cast("list[object]", types if isinstance(types, list) else [types])
        allowed &= {"number" if name == "integer" else str(name) for name in names}
        if schema.get("nullable") is True:
            allowed |= {"null"}
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
