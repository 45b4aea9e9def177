"""Parts of a schema on their own: what they refer to goes along."""

from __future__ import annotations

from typing import Any

from colonnade.prompt.calls.kinds import pointed

_MAPS = ("properties", "patternProperties", "dependentSchemas")
_VALUES = ("const", "enum", "default", "examples", "required")
_DEFINITIONS = ("$defs", "definitions")


def standalone(part: Any, root: Any) -> Any:  # noqa: ANN401 - schemas are JSON
    """Copy a part of the document ``root`` with every definition that it refers to."""
    names: dict[str, str] = {}
    copied = _copy(part, names)
    definitions: dict[str, Any] = {}
    while len(definitions) < len(names):
        for reference in list(names)[len(definitions) :]:
            definitions[names[reference]] = _copy(pointed(reference, root), names)
    if not definitions:
        return copied
    return {**copied, "$defs": definitions}


def _copy(schema: Any, names: dict[str, str]) -> Any:  # noqa: ANN401
    """Copy a schema, renaming what it refers to and noting it in ``names``."""
    if isinstance(schema, list):
        return [_copy(item, names) for item in schema]
    if not isinstance(schema, dict):
        return True if schema is None else schema
    copied: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "$ref" and isinstance(value, str):
            name = names.setdefault(value, f"d{len(names)}")
            copied[key] = f"#/$defs/{name}"
        elif key in _MAPS and isinstance(value, dict):
            copied[key] = {name: _copy(each, names) for name, each in value.items()}
        elif key in _VALUES:
            copied[key] = value
        elif key not in _DEFINITIONS:
            copied[key] = _copy(value, names)
    return copied
