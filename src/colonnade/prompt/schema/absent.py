"""Nulls in schemas: clients that keep a schema in typed records write what is not set as null."""

from __future__ import annotations

from typing import Any

import msgspec

_VALUES = frozenset({"const", "default", "enum", "example", "examples"})
"""Keywords that hold values of the instance, among which null is one."""
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems", "items"})
_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_DEEPEST = 300
"""Levels that are looked at: deeper schemas are refused later on."""


def without_nulls(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out keywords that are null, other than those whose null is a value.

    A property whose schema is null is any value.
    """
    if b"null" not in msgspec.json.encode(schema):
        return schema
    return _plain(schema, 0)


def _plain(schema: dict[str, Any], depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in _VALUES and (value is not None or keyword not in ("enum", "examples")):
            found[keyword] = value
        elif value is None:
            continue
        elif keyword in _MAPS and isinstance(value, dict):
            found[keyword] = {name: _sub(each, depth, {}) for name, each in value.items()}
        elif keyword in _LISTS and isinstance(value, list):
            found[keyword] = [_sub(each, depth, None) for each in value]
        else:
            found[keyword] = _sub(value, depth, None)
    return found


def _sub(value: Any, depth: int, absent: Any) -> Any:  # noqa: ANN401 - JSON
    if value is None:
        return absent
    return _plain(value, depth + 1) if isinstance(value, dict) and depth < _DEEPEST else value
