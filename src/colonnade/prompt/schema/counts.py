"""``minProperties`` and ``maxProperties`` where some properties are optional.

The compiler counts free properties alone, and among closed ones none, one or all. So what may be
there is spelled out: which of the optional properties are, and how many free ones then.
"""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any, NamedTuple

from colonnade.prompt.schema.values import TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.prompt.schema.document import Document

_MOST_WAYS = 256
_MOST_NAMES = 6000
"""Names in all ways together."""
_NO_OBJECT = [kind for kind in TYPES if kind not in ("integer", "object")]


class _Count(NamedTuple):
    """How many properties may be there beside the required ones: from ``least`` to ``most``, of the
    ``optional`` names, and others where the schema is not ``closed``."""

    least: int
    most: int | None
    optional: list[str]
    closed: bool


def counted(schema: dict[str, Any], document: Document, path: str) -> dict[str, Any]:
    """Spell out what counts properties where the compiler does not count."""
    if "minProperties" not in schema and "maxProperties" not in schema:
        return schema
    count = _count(schema)
    rest = {k: v for k, v in schema.items() if k not in ("minProperties", "maxProperties")}
    most = count.most
    if most is not None and (most < count.least or most < 0):
        return {**rest, "allOf": [*rest.get("allOf", ()), {"type": _NO_OBJECT}]}
    if not count.optional or _is_known(count):
        return schema
    if count.least == 0 and most is None:
        return rest
    if _ways(count) <= min(_MOST_WAYS, _MOST_NAMES // len(count.optional)):
        options = [_option(schema, *way) for way in _spelled_out(count)]
        return {**rest, "allOf": [*rest.get("allOf", ()), _of_objects(schema, options)]}
    return _narrowed(schema, rest, count, document, path)


def _count(schema: dict[str, Any]) -> _Count:
    required = schema.get("required", [])
    properties = schema.get("properties", {})
    optional = [n for n, each in properties.items() if n not in required and each is not False]
    closed = schema.get("additionalProperties") is False and not schema.get("patternProperties")
    there = len(set(required))
    least = max(0, int(schema.get("minProperties", 0)) - there)
    most = schema.get("maxProperties")
    most = None if most is None else int(most) - there
    if closed and most is not None and most >= len(optional):
        most = None
    if closed and least > len(optional):
        most = -1
    return _Count(least, most, optional, closed)


def _is_known(count: _Count) -> bool:
    """Whether the compiler counts so: at most one, or at least, of closed properties."""
    if not count.closed:
        return False
    return (count.most == 1 and count.least <= 1) or (count.most is None and count.least == 1)


def _ways(count: _Count) -> int:
    n, least, most = len(count.optional), count.least, count.most
    if most is None:
        fewer = 0 if count.closed else sum(comb(n, size) for size in range(min(least, n + 1)))
        return fewer + comb(n, least)
    if count.closed:
        return comb(n, most) * comb(most, least)
    return sum(comb(n, size) for size in range(min(most, n) + 1))


def _spelled_out(count: _Count) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """The ways: names that are there, and names that are not. How many free ones are there is left
    to the compiler, in ways that leave no name open."""
    names, least, most = count.optional, count.least, count.most
    if most is None:
        yield from ((there, set()) for there in combinations(names, least))
        for size in range(0 if count.closed else min(least, len(names) + 1)):
            yield from ((there, set(names) - set(there)) for there in combinations(names, size))
    elif count.closed:
        for allowed in combinations(names, most):
            for there in combinations(allowed, least):
                yield there, set(names) - set(allowed)
    else:
        for size in range(min(most, len(names)) + 1):
            yield from ((there, set(names) - set(there)) for there in combinations(names, size))


def _option(schema: dict[str, Any], there: tuple[str, ...], absent: set[str]) -> dict[str, Any]:
    option: dict[str, Any] = {"type": "object"}
    if absent:
        option["properties"] = dict.fromkeys(sorted(absent), False)
    required = [*schema.get("required", ()), *there]
    if required:
        option["required"] = required
    properties = schema.get("properties", {})
    open_names = properties.keys() - absent - set(required)
    if not any(properties[name] is not False for name in open_names):
        bounds = ("minProperties", "maxProperties")
        option.update({word: schema[word] for word in bounds if word in schema})
    return option


def _of_objects(schema: dict[str, Any], options: list[dict[str, Any]]) -> dict[str, Any]:
    others = [] if schema.get("type") == "object" else [{"type": _NO_OBJECT}]
    return {"anyOf": [*options, *others]}


def _narrowed(
    schema: dict[str, Any], rest: dict[str, Any], count: _Count, document: Document, path: str
) -> dict[str, Any]:
    """Fewer ways than there are: the first properties, and no free ones where they are counted."""
    there = count.optional[: count.least]
    absent = set() if count.most is None else set(count.optional[count.most :])
    option: dict[str, Any] = {
        "type": "object",
        "required": [*schema.get("required", ()), *there],
        "properties": dict.fromkeys(sorted(absent), False),
    }
    if count.least > len(there):
        option["minProperties"] = schema["minProperties"]
    word = "minProperties" if count.most is None else "maxProperties"
    document.narrow(word, path, f"other sets of properties than the first {len(there)} and more")
    narrowed = {**rest, "allOf": [*rest.get("allOf", ()), _of_objects(schema, [option])]}
    if count.most is not None and not count.closed:
        narrowed["additionalProperties"] = False
        narrowed.pop("patternProperties", None)
    return narrowed
