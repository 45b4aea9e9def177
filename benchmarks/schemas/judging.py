"""Which values a schema's grammar takes, key by key in any order."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from llguidance import LLMatcher, LLParserLimits, LLTokenizer, TokenizerWrapper

from colonnade.messages import Failure
from colonnade.prompt.schema import Narrowings, SchemaLimits, embed, prepare_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.prompt.schema import Narrowing

_LIMITS = SchemaLimits(4_000_000, 256)
_END = 256
_STEPS = 20_000
"""Tries to write one value, in all orders of its keys together."""


class _Bytes:
    """A vocabulary of bytes and an end token, as llguidance asks for it."""

    bos_token_id = None
    eos_token_id = _END
    special_token_ids = (_END,)
    tokens = (*(bytes([byte]) for byte in range(_END)), b"\xff<end>")

    def __call__(self, text: bytes) -> list[int]:
        return list(text)


@cache
def _tokenizer() -> LLTokenizer:
    return LLTokenizer(TokenizerWrapper(_Bytes()), n_vocab=_END + 1)


@dataclass(frozen=True)
class Held:
    """A schema that can be held to. ``seconds`` it took to rewrite and to compile it."""

    grammar: str
    narrowings: tuple[Narrowing, ...]
    seconds: float

    def takes(self, text: str) -> bool:
        """Whether an answer can be exactly this text."""
        matcher = _matcher(self.grammar)
        return bool(matcher.consume_tokens(list(text.encode()))) and matcher.is_accepting()

    def writes(self, value: Any) -> bool:  # noqa: ANN401 - JSON
        """Whether an answer can be this value, its keys in whatever order.

        Raises:
            TimeoutError: there are too many orders to try.
        """
        return _Writer(_matcher(self.grammar)).whole(value)


@dataclass(frozen=True)
class Refused:
    """A schema that is refused, by us or by the compiler of grammars."""

    reason: str
    seconds: float


def hold(schema: dict[str, Any] | bool) -> Held | Refused:
    """Prepare a schema as a request's, and compile it."""
    narrowings = Narrowings()
    began = time.perf_counter()
    try:
        prepared = prepare_schema(schema, param="schema", limits=_LIMITS, narrowings=narrowings)
        grammar = f"start: %json {embed(prepared)}"
    except Failure as failure:
        return Refused(failure.message, time.perf_counter() - began)
    refused, told = LLMatcher.validate_grammar_with_warnings(LLMatcher.grammar_from_lark(grammar))
    seconds = time.perf_counter() - began
    if refused:
        return Refused(str(told[0]), seconds)
    return Held(grammar, narrowings.told(), seconds)


def _matcher(grammar: str) -> LLMatcher:
    limits = LLParserLimits(verbose_errors=False)
    lark = LLMatcher.grammar_from_lark(grammar)
    return LLMatcher(_tokenizer(), lark, log_level=0, limits=limits)


class _Writer:
    """Writes a value piece by piece, and goes back where a grammar wants other keys first."""

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher
        self._steps = 0

    def whole(self, value: Any) -> bool:  # noqa: ANN401
        sys.setrecursionlimit(max(sys.getrecursionlimit(), 20_000))
        return self._value(value, self._matcher.is_accepting)

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
        if written == len(tokens) and then():
            return True
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
