"""Which values a schema's grammar takes, key by key in any order."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.byte_vocabulary import Vocabulary
from colonnade.messages import Failure
from colonnade.prompt.constraint import build_constraint
from colonnade.prompt.forms import JsonForm
from colonnade.prompt.schema import Narrowings, SchemaLimits
from colonnade.worker.grammar.json_places import JsonPlaces
from colonnade.worker.grammar.json_text import JsonText

if TYPE_CHECKING:
    from collections.abc import Callable

    from llguidance import LLMatcher

    from colonnade.messages import Constraint
    from colonnade.prompt.schema import Narrowing

_LIMITS = SchemaLimits(4_000_000, 256)
_STEPS = 20_000
"""Tries to write one value, in all orders of its keys together."""


_BYTES = Vocabulary()


@dataclass(frozen=True)
class Held:
    """A schema that can be held to. ``seconds`` it took to rewrite and to compile it."""

    constraint: Constraint
    matcher: LLMatcher
    narrowings: tuple[Narrowing, ...]
    seconds: float

    def takes(self, text: str) -> bool:
        """Whether an answer can be exactly this text."""
        matcher = self.matcher.deep_copy()
        if not matcher.consume_tokens(_BYTES.encode(text)) or not matcher.is_accepting():
            return False
        return differs(self.constraint, text)

    def writes(self, value: Any) -> bool:  # noqa: ANN401 - JSON
        """Whether an answer can be this value, its keys in whatever order.

        Raises:
            TimeoutError: there are too many orders to try.
        """
        return _Writer(self).whole(value)


@dataclass(frozen=True)
class Refused:
    """A schema that is refused, by us or by the compiler of grammars."""

    reason: str
    seconds: float


def hold(schema: dict[str, Any] | bool) -> Held | Refused:
    """Prepare a schema as a request's, and compile it."""
    narrowings = Narrowings()
    form = JsonForm(schema, "schema")
    began = time.perf_counter()
    try:
        constraint = build_constraint(
            form, None, None, {}, after_thought=False, limits=_LIMITS, narrowings=narrowings
        )
    except Failure as failure:
        return Refused(failure.message, time.perf_counter() - began)
    assert constraint is not None  # noqa: S101 - there is a form
    try:
        matcher = _BYTES.matcher(constraint.grammar)
    except ValueError as error:
        return Refused(str(error), time.perf_counter() - began)
    return Held(constraint, matcher, narrowings.told(), time.perf_counter() - began)


def differs(constraint: Constraint, text: str) -> bool:
    """Whether what has to be different in a text is."""
    differences = constraint.differences
    if differences is None:
        return True
    return not JsonText(JsonPlaces(differences)).repeats(text.encode("utf-8", "surrogatepass"))


class _Writer:
    """Writes a value piece by piece, and goes back where a grammar wants other keys first."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._matcher = held.matcher.deep_copy()
        self._written: list[str] = []
        self._steps = 0

    def whole(self, value: Any) -> bool:  # noqa: ANN401
        usual = sys.getrecursionlimit()
        sys.setrecursionlimit(max(usual, 20_000))
        try:
            return self._value(value, self._is_whole)
        finally:
            sys.setrecursionlimit(usual)  # what is judged next has to bear the usual one

    def _is_whole(self) -> bool:
        if not self._matcher.is_accepting():
            return False
        return differs(self._held.constraint, "".join(self._written))

    def _value(self, value: Any, then: Callable[[], bool]) -> bool:  # noqa: ANN401
        match value:
            case dict():
                return self._text("{", lambda: self._members(value, list(value), "", then))
            case list():
                return self._text("[", lambda: self._items(value, 0, then))
            case _:
                return any(self._text(spelled, then) for spelled in _spellings(value))

    def _members(
        self, value: dict[str, Any], left: list[str], joint: str, then: Callable[[], bool]
    ) -> bool:
        if not left:
            return self._text("}", then)
        for key in left:
            others = [name for name in left if name != key]

            def go_on(key: str = key, others: list[str] = others) -> bool:
                return self._value(value[key], lambda: self._members(value, others, ", ", then))

            if self._text(f"{joint}{json.dumps(key, ensure_ascii=False)}: ", go_on):
                return True
        return False

    def _items(self, value: list[Any], at: int, then: Callable[[], bool]) -> bool:
        if at == len(value):
            return self._text("]", then)

        def item() -> bool:
            return self._value(value[at], lambda: self._items(value, at + 1, then))

        return self._text(", ", item) if at else item()

    def _text(self, text: str, then: Callable[[], bool]) -> bool:
        self._steps += 1
        if self._steps > _STEPS:
            raise TimeoutError
        tokens = list(text.encode("utf-8", "surrogatepass"))
        written = self._matcher.try_consume_tokens(tokens)
        self._written.append(text)
        if written == len(tokens) and then():
            return True
        self._written.pop()
        if written:
            self._matcher.rollback(written)
        return False


def _spellings(value: Any) -> list[str]:  # noqa: ANN401
    """The ways of writing what is no list and no object."""
    plain = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and value.is_integer():
        return [plain, str(int(value))]
    if isinstance(value, int) and not isinstance(value, bool):
        return [plain, f"{plain}.0"]
    return [plain]
