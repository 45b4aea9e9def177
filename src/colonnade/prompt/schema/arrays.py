"""Keywords of arrays that the compiler does not know, put into those that it does."""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING, Any, TypeGuard

from colonnade.prompt.schema.differing import UNIQUE
from colonnade.prompt.schema.values import listed, unique

if TYPE_CHECKING:
    from colonnade.prompt.schema.document import Document

_MOST_STEPS = 64
"""References that are followed, one to the next."""


def _is_count(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def one_of_each(schema: dict[str, Any], document: Document, path: str) -> dict[str, Any]:
    """``uniqueItems``: said in another word, which the text is held to beside its grammar.

    Raises:
        Failure: there have to be more items than there are values, as far as that can be seen.
    """
    rest = {k: v for k, v in schema.items() if k not in ("uniqueItems", UNIQUE)}
    if schema.get("uniqueItems") is not True:
        return rest
    kinds = rest.get("type")
    if kinds is not None and kinds != "array" and "array" not in kinds:
        return rest
    least = rest.get("minItems", 0)
    wanted = int(least) if _is_count(least) else 0
    if "contains" in rest:
        few = rest.get("minContains", 1)
        _check_room(rest["contains"], int(few) if _is_count(few) else 1, document, path)
    first = rest.get("prefixItems", [])
    for index, each in enumerate(first[:wanted]):
        _check_room(each, index + 1, document, path)
    if wanted > len(first):
        _check_room(rest.get("items", True), wanted, document, path)
    return {**rest, UNIQUE: True}


def tell_of_branches(branches: list[Any], document: Document, path: str) -> None:
    """A list that stands at one place of a text keeps to all the branches of ``anyOf`` that ask for
    different items there, though it may be of another branch."""
    plain = [each for each in branches if isinstance(each, dict) and "$ref" not in each]
    if any(UNIQUE not in each and _takes_lists(each) for each in plain):
        for number, each in enumerate(branches):
            if isinstance(each, dict) and each.get(UNIQUE):
                place = f"{path}/{number}"
                document.narrow("uniqueItems", place, "equal items in lists of the other branches")


def _takes_lists(schema: dict[str, Any]) -> bool:
    given = schema.get("type", "array")
    return listed(schema) is None and "array" in (given if isinstance(given, list) else [given])


def _check_room(schema: object, wanted: int, document: Document, path: str) -> None:
    """Refuse where there are too few values of a schema for so many different ones."""
    count = _count(schema, document, f"{path}/items")
    if count is not None and count < wanted:
        reason = f"'uniqueItems' asks for {wanted} different items, and there are {count}"
        raise document.refused(f"{path}/uniqueItems", reason)


def _count(schema: object, document: Document, path: str) -> int | None:
    """How many values a schema has at most, as far as it says so itself; None for no such bound."""
    for _ in range(_MOST_STEPS):
        if not isinstance(schema, dict) or not isinstance(schema.get("$ref"), str):
            break
        schema = document.resolve(schema["$ref"], schema, f"{path}/$ref")
    if not isinstance(schema, dict):
        return 0 if schema is False else None
    values = listed(schema)
    if values is not None:
        return len(unique(values))
    given = schema.get("type")
    kinds = given if isinstance(given, list) else [given]
    counts = [_of_kind(kind, schema) for kind in kinds]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _of_kind(kind: object, schema: dict[str, Any]) -> int | None:
    """How many values of one type there are at most."""
    if kind in ("null", "boolean"):
        return 1 if kind == "null" else 2
    low, high = schema.get("minimum"), schema.get("maximum")
    if kind == "integer" and _is_number(low) and _is_number(high):
        return max(0, floor(high) - ceil(low) + 1)
    return None


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
