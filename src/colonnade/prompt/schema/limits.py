"""How large and how deep a schema may be, and how much work it may make."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Iterable


_STEPS_BETWEEN_LOOKS = 500


class SchemaLimits(NamedTuple):
    """``max_bytes`` of its JSON, ``max_depth`` levels of objects and lists; ``max_steps`` of
    rewriting and comparing, and ``max_seconds`` of a processor for them."""

    max_bytes: int = 4_000_000
    max_depth: int = 256
    max_steps: int = 500_000
    max_seconds: float = 1.0


class Budget:
    """The work that is left for one schema.

    Time is the thread's own, so that neighbours make no schema too expensive.
    """

    def __init__(self, limits: SchemaLimits, param: str) -> None:
        self._left = limits.max_steps
        self._look = self._left - _STEPS_BETWEEN_LOOKS
        self._until = time.thread_time() + limits.max_seconds
        self._param = param

    def spend(self, steps: int = 1) -> None:
        """Take a step, of about a microsecond or some.

        Raises:
            Failure: none is left, or no time.
        """
        self._left -= steps
        if self._left > self._look:
            return
        self._look = self._left - _STEPS_BETWEEN_LOOKS
        if self._left < 0 or time.thread_time() > self._until:
            msg = "The schema takes too long to prepare: its parts multiply when they are combined."
            raise Failure(FailureKind.INVALID_REQUEST, msg, param=self._param)


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
