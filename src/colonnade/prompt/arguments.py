"""The arguments of replayed calls, which may be anything that some model once wrote."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_NESTING = 64
"""Brackets in each other that a template with a macro for each is sure to get through."""


def read_arguments(arguments: object) -> dict[str, Any] | str:
    """Read arguments: as an object, or as the text that they are where that is none.

    Nothing at all is an empty object. JSON is left as text where it names halves of surrogate
    pairs, which no prompt can hold, or nests deeper than a template can follow.

    Raises:
        Failure: invalid_request, when they came as an object that nests too deep.
    """
    if arguments is None:
        return {}
    if not isinstance(arguments, str):
        if _is_deep(arguments):
            msg = f"A tool call's arguments nest deeper than {_MAX_NESTING} levels."
            raise Failure(FailureKind.INVALID_REQUEST, msg, param="messages")
        return arguments if isinstance(arguments, dict) else json.dumps(arguments)
    if not arguments.strip():
        return {}
    try:
        value = json.loads(arguments)
        if "\\u" in arguments:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return arguments
    if value is None:
        return {}
    brackets = arguments.count("{") + arguments.count("[")
    if not isinstance(value, dict) or (brackets > _MAX_NESTING and _is_deep(value)):
        return arguments
    return value


def _is_deep(value: object) -> bool:
    level: list[object] = [value]
    for _ in range(_MAX_NESTING):
        level = [inner for outer in level for inner in _inner(outer)]
    return bool(level)


def _inner(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()
