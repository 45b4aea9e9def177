"""How large and how deep a schema may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Iterable


class SchemaLimits(NamedTuple):
    """``max_bytes`` of its JSON, ``max_depth`` levels of objects and lists."""

    max_bytes: int = 4_000_000
    max_depth: int = 256


def check_limits(schema: object, limits: SchemaLimits, param: str) -> None:
    """Refuse what is too deep or too large.

    Raises:
        Failure: it is.
    """
    level: list[Any] = [schema]
    for _ in range(limits.max_depth + 1):
        level = [child for each in level for child in _inside(each)]
        if not level:
            break
    else:
        msg = f"The schema is nested more than {limits.max_depth} levels deep."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param=param)
    size = len(msgspec.json.encode(schema))
    if size > limits.max_bytes:
        msg = f"The schema has {size} bytes: at most {limits.max_bytes} are allowed."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param=param)


def _inside(value: object) -> Iterable[object]:
    """What a list or an object holds."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
