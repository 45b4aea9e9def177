"""Keywords of objects that the compiler does not know, put into those that it does."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeGuard

from colonnade.prompt.schema.values import listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colonnade.prompt.schema.document import Document

_MOST_EXACT = 4
"""Dependencies that are followed both ways; each doubles the ways."""
_MOST_CHOICES = 32
_LITERAL_START = re.compile(r"\^([A-Za-z0-9_ -]+)(?![*+?{|])")
_APPLICATORS = ("anyOf", "oneOf", "if", "$dynamicRef", "$recursiveRef", "dependentSchemas")


def dependent(wanted: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Any]:
    """Schemas for what some properties bring along: other properties, or a schema.

    Many of them are narrowed: what one brings along has to be there in any case.
    """
    required = schema.get("required")
    present = set(required) if isinstance(required, list) else set()
    found: list[Any] = []
    open_ones = sum(1 for name in wanted if name not in present)
    for name, brought in wanted.items():
        needs = {"required": [name, *brought]} if isinstance(brought, list) else brought
        if isinstance(brought, list) and present.issuperset(brought):
            continue
        if name in present:
            found.append(needs)
        elif open_ones > _MOST_EXACT and isinstance(brought, list):
            found.append({"required": brought})
        else:
            with_it = (
                needs if isinstance(brought, list) else {"allOf": [{"required": [name]}, needs]}
            )
            found.append({"anyOf": [{"properties": {name: False}}, with_it]})
    return found


def evaluated(schema: dict[str, Any], document: Document, path: str) -> dict[str, Any]:
    """``unevaluatedProperties``: what neither this schema nor those that always hold name.

    Raises:
        Failure: what is evaluated depends on the value.
    """
    if "unevaluatedProperties" not in schema:
        return schema
    rest = {k: v for k, v in schema.items() if k != "unevaluatedProperties"}
    left = schema["unevaluatedProperties"]
    if left is True or "additionalProperties" in rest:
        return rest
    names, patterns = _seen(rest, document, path, 0)
    closed: dict[str, Any] = {
        "properties": dict.fromkeys(names, True),
        "additionalProperties": left,
    }
    if patterns:
        closed["patternProperties"] = dict.fromkeys(patterns, True)
    if "allOf" not in rest and "$ref" not in rest:
        return {**rest, "additionalProperties": left}
    return {**rest, "allOf": [*rest.get("allOf", ()), closed]}


def _seen(
    schema: dict[str, Any], document: Document, path: str, depth: int
) -> tuple[list[str], list[str]]:
    """The names and patterns that a schema evaluates in any case."""
    for word in _APPLICATORS:
        if word in schema:
            reason = f"'unevaluatedProperties' beside {word!r} cannot be expressed"
            raise document.refused(f"{path}/unevaluatedProperties", reason)
    names, patterns = (
        list(schema.get("properties") or ()),
        list(schema.get("patternProperties") or ()),
    )
    parts = list(schema.get("allOf") or ())
    if isinstance(reference := schema.get("$ref"), str):
        parts.append(document.resolve(reference, schema, f"{path}/$ref"))
    for part in parts:
        if isinstance(part, dict) and depth < 8:
            more, further = _seen(part, document, path, depth + 1)
            names += more
            patterns += further
    return names, patterns


def named(schema: dict[str, Any], document: Document, path: str) -> dict[str, Any]:
    """``propertyNames``: other names are forbidden.

    Raises:
        Failure: which names are meant cannot be expressed.
    """
    if "propertyNames" not in schema:
        return schema
    rest = {k: v for k, v in schema.items() if k != "propertyNames"}
    rule = _rule(schema["propertyNames"], document, path)
    if rule is True or rule == {}:
        return rest
    others = rest.get("additionalProperties", True)
    properties = dict(rest.get("properties") or {})
    if rule is False:
        return {**rest, "maxProperties": 0}
    values = listed(rule)
    if values is not None:
        allowed = [name for name in values if isinstance(name, str)]
        found = {name: _by_name(rest, name) for name in allowed}
        closed = {k: v for k, v in rest.items() if k != "patternProperties"}
        return {**closed, "properties": found, "additionalProperties": False}
    pattern = _name_pattern(rule)
    if pattern is None:
        reason = "'propertyNames' can be followed for a pattern, lengths or listed names alone"
        raise document.refused(f"{path}/propertyNames", reason)
    kept = {name: each for name, each in properties.items() if _matches(pattern, name)}
    closed = {**rest, "properties": kept, "additionalProperties": False}
    if rest.get("patternProperties"):
        reason = "'propertyNames' beside 'patternProperties' cannot be expressed"
        raise document.refused(f"{path}/propertyNames", reason)
    if others is not False:
        closed["patternProperties"] = {pattern: others}
    return closed


def _by_name(schema: dict[str, Any], name: str) -> Any:  # noqa: ANN401
    """All that a schema says of one property; false where that cannot be made sure of."""
    properties, patterns = schema.get("properties") or {}, schema.get("patternProperties") or {}
    try:
        said = [each for pattern, each in patterns.items() if re.search(pattern, name, re.ASCII)]
    except re.error:
        return False
    if name in properties:
        said.append(properties[name])
    return {"allOf": said} if said else schema.get("additionalProperties", True)


def _rule(rule: object, document: Document, path: str) -> Any:  # noqa: ANN401
    for _ in range(8):
        if isinstance(rule, dict) and isinstance(rule.get("$ref"), str):
            rule = document.resolve(rule["$ref"], rule, f"{path}/propertyNames/$ref")
    if not isinstance(rule, dict):
        return rule
    return {k: v for k, v in rule.items() if k not in ("type", "format", "title", "description")}


def _name_pattern(rule: dict[str, Any]) -> str | None:
    if rule.keys() == {"pattern"} and isinstance(rule["pattern"], str):
        return str(rule["pattern"])
    if rule.keys() <= {"minLength", "maxLength"}:
        most = rule.get("maxLength", "")
        return f"^[\\s\\S]{{{rule.get('minLength', 0)},{most}}}$"
    return None


def _matches(pattern: str, name: str) -> bool:
    """Whether a name is surely meant; a pattern that Python does not know means none."""
    try:
        return re.search(pattern, name, re.ASCII) is not None
    except re.error:
        return False


def counted(schema: dict[str, Any], document: Document, path: str) -> dict[str, Any]:
    """``minProperties`` and ``maxProperties`` where some properties are optional: more of them
    become required, or fewer allowed.

    Raises:
        Failure: several of free names would be needed.
    """
    return _at_least(_at_most(schema), document, path)


def _optional(schema: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The names of required and of optional properties."""
    properties, required = schema.get("properties"), schema.get("required")
    names = list(required) if isinstance(required, list) else []
    if not isinstance(properties, dict):
        return names, []
    return names, [n for n, each in properties.items() if n not in names and each is not False]


def _is_closed(schema: dict[str, Any]) -> bool:
    return schema.get("additionalProperties") is False and not schema.get("patternProperties")


def _at_most(schema: dict[str, Any]) -> dict[str, Any]:
    most = schema.get("maxProperties")
    required, optional = _optional(schema)
    if not _is_count(most) or not optional:
        return schema
    room = int(most) - len(required)
    if room < 0 or (_is_closed(schema) and room == 1 and "minProperties" not in schema):
        return schema  # the compiler knows these
    rest = {k: v for k, v in schema.items() if k != "maxProperties"}
    if _is_closed(schema) and room >= len(optional):
        return rest
    forbidden = set(optional[room:])
    rest.pop("patternProperties", None)
    rest["properties"] = {
        name: name not in forbidden and _by_name(schema, name) for name in schema["properties"]
    }
    return {**rest, "additionalProperties": False}


def _at_least(schema: dict[str, Any], document: Document, path: str) -> dict[str, Any]:
    least = schema.get("minProperties")
    required, optional = _optional(schema)
    if not _is_count(least):
        return schema
    missing = int(least) - len(required)
    rest = {k: v for k, v in schema.items() if k != "minProperties"}
    if missing <= 0:
        return rest
    if _is_closed(schema) and (not optional or (missing == 1 and "maxProperties" not in schema)):
        return schema  # the compiler knows these
    if missing == 1 and 0 < len(optional) <= _MOST_CHOICES:
        one_of_them = {"anyOf": [{"required": [name]} for name in optional]}
        return {**rest, "allOf": [*rest.get("allOf", ()), one_of_them]}
    if missing <= len(optional):
        return {**rest, "required": [*required, *optional[:missing]]}
    if missing > len(optional) + 1:
        reason = f"'minProperties' of {least}, with names of the model's choice, cannot be followed"
        raise document.refused(f"{path}/minProperties", reason)  # it may choose one twice
    return {**schema, "required": [*required, *optional]}


def _is_count(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def disjoint_patterns(schema: dict[str, Any]) -> dict[str, Any]:
    """Several ``patternProperties`` that may match one name: names satisfy all or none."""
    patterns = schema.get("patternProperties")
    if not isinstance(patterns, dict) or len(patterns) < 2 or _all_apart(list(patterns)):
        return schema
    if all(each == next(iter(patterns.values())) for each in patterns.values()):
        joined: Any = next(iter(patterns.values()))
    else:
        joined = {"allOf": list(patterns.values())}
    either = "|".join(f"(?:{pattern})" for pattern in patterns)
    return {**schema, "patternProperties": {either: joined}}


def _all_apart(patterns: list[str]) -> bool:
    starts = [_LITERAL_START.match(pattern) for pattern in patterns]
    texts = [found[1] for found in starts if found]
    if len(texts) < len(patterns):
        return False
    return not any(
        one.startswith(two) or two.startswith(one) for one, two in combinations(texts, 2)
    )
