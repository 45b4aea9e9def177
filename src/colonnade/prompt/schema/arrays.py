"""Keywords of arrays that the compiler does not know, put into those that it does."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any, TypeGuard

from colonnade.prompt.schema.values import listed, unique

if TYPE_CHECKING:
    from colonnade.prompt.schema.document import Document
    from colonnade.prompt.schema.negation import Negation

_NO_ARRAY = ["null", "boolean", "number", "string", "object"]
_MOST_CHOICES = 300
"""Lists of different values that are spelled out."""


def _is_count(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def contained(schema: dict[str, Any], negation: Negation) -> dict[str, Any]:
    """``contains``: the first items satisfy it; with a most, the others do not or are not there."""
    if "contains" not in schema:
        return schema
    rest = {k: v for k, v in schema.items() if k not in ("contains", "minContains", "maxContains")}
    wanted, least = schema["contains"], schema.get("minContains", 1)
    most = schema.get("maxContains")
    least = int(least) if _is_count(least) else 1
    if not least and most is None:
        return rest
    array: dict[str, Any] = {"type": "array", "minItems": least}
    if least:
        array["prefixItems"] = [wanted] * least
    if most is not None:
        others = negation.alternatives(wanted).ways
        if others:
            array["items"] = {"anyOf": others}
        else:
            array["maxItems"] = most
    if most is not None and most < least:
        array = {"type": "array", "minItems": 1, "items": False}
    return _also(rest, array)


def _also(schema: dict[str, Any], array: dict[str, Any]) -> dict[str, Any]:
    """A schema, and another one for those of its values that are arrays."""
    holds = array if schema.get("type") == "array" else {"anyOf": [array, {"type": _NO_ARRAY}]}
    return {**schema, "allOf": [*schema.get("allOf", ()), holds]}


def evaluated_items(schema: dict[str, Any], document: Document, path: str) -> dict[str, Any]:
    """``unevaluatedItems`` where nothing but this schema evaluates any.

    Raises:
        Failure: other schemas may.
    """
    if "unevaluatedItems" not in schema or schema["unevaluatedItems"] is True:
        return {k: v for k, v in schema.items() if k != "unevaluatedItems"}
    rest = {k: v for k, v in schema.items() if k != "unevaluatedItems"}
    if any(word in rest for word in ("allOf", "anyOf", "oneOf", "$ref", "if", "contains")):
        reason = "'unevaluatedItems' beside other schemas cannot be expressed"
        raise document.refused(f"{path}/unevaluatedItems", reason)
    if "items" in rest and not isinstance(rest["items"], list):
        return rest
    return {**rest, "items": schema["unevaluatedItems"]}


def one_of_each(schema: dict[str, Any], document: Document, path: str) -> dict[str, Any]:
    """``uniqueItems``: lists of different listed values, in their order; else at most one item.

    Raises:
        Failure: there have to be several items, and which is not listed.
    """
    rest = {k: v for k, v in schema.items() if k != "uniqueItems"}
    if schema.get("uniqueItems") is not True:
        return rest
    kinds = rest.get("type")
    if kinds is not None and kinds != "array" and "array" not in kinds:
        return rest
    least, most = rest.get("minItems", 0), rest.get("maxItems")
    if most is not None and _is_count(most) and most <= 1:
        return rest
    items = rest.get("items")
    if isinstance(items, dict) and isinstance(items.get("$ref"), str):
        items = document.resolve(items["$ref"], items, f"{path}/items/$ref")
    values = listed(items) if isinstance(items, dict) else None
    if values is not None and "prefixItems" not in rest:
        chosen = _selections(values, int(least) if _is_count(least) else 0, most)
        if chosen:
            plain = {k: v for k, v in rest.items() if k not in ("minItems", "maxItems")}
            lists = {"type": "array", "anyOf": [_exactly(each) for each in chosen]}
            return _also(plain, lists)
    if _is_count(least) and least > 1:
        reason = f"'uniqueItems' with at least {least} items of free content cannot be followed"
        raise document.refused(f"{path}/uniqueItems", reason)
    document.narrow("uniqueItems", path, "lists of more than one item")
    return {**rest, "maxItems": 1}


def _exactly(values: tuple[Any, ...]) -> dict[str, Any]:
    return {
        "type": "array",
        "prefixItems": [{"const": value} for value in values],
        "minItems": len(values),
        "maxItems": len(values),
    }


def _selections(values: list[Any], least: int, most: object) -> list[tuple[Any, ...]]:
    """Selections of values in their order, of as many sizes as can be spelled out."""
    values = unique(values)
    largest = min(len(values), int(most)) if _is_count(most) else len(values)
    found: list[tuple[Any, ...]] = []
    for size in range(least, largest + 1):
        if found and len(found) + comb(len(values), size) > _MOST_CHOICES:
            break
        if comb(len(values), size) > _MOST_CHOICES:
            break
        found += combinations(values, size)
    return found
