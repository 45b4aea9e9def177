"""A text's way through a grammar, by llguidance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llguidance import LLMatcher
    from numpy.typing import NDArray

    from colonnade.worker.grammar.usage import Usage


class Tokens(Protocol):
    """What a matcher needs to know of the vocabulary."""

    def plain(self, text: bytes) -> list[int]:
        """Tokens that spell exactly these bytes; names of special tokens are text."""
        ...


class GrammarMatcher:
    """See ``ports.Matcher``. llguidance's own never raises: it goes into a state of error."""

    __slots__ = ("_ll", "_tokenizer", "complete", "pace")

    def __init__(self, ll: LLMatcher, tokenizer: Tokens, usage: Usage) -> None:
        self._ll = ll
        self._tokenizer = tokenizer
        self.pace = usage
        self.complete = self._is_complete()
        """See ``ports.Matcher``. Known from the last token on: while a thread computes a mask,
        llguidance's own lets nobody ask."""

    def mask(self) -> NDArray[np.uint8]:
        """See ``ports.Matcher``."""
        mask = np.frombuffer(self.pace.mask(self._ll.compute_logit_bias), dtype=np.uint8)
        if self._ll.is_error() or not mask.any():
            raise self._failure()
        return mask

    def forced(self) -> list[int]:
        """See ``ports.Matcher``."""
        with self.pace.lock:
            tokens: list[int] = self._ll.compute_ff_tokens()
        return tokens

    def accepts(self, tokens: Sequence[int]) -> bool:
        """See ``ports.Matcher``."""
        wanted = list(tokens)
        with self.pace.lock:
            return bool(self._ll.validate_tokens(wanted) == len(wanted))

    def consume(self, tokens: Sequence[int]) -> None:
        """See ``ports.Matcher``."""
        if not tokens:
            return
        with self.pace.lock:
            consumed = self._ll.consume_tokens(list(tokens))
        if not consumed:
            raise self._failure()
        self.complete = self._is_complete()

    def tokens(self, text: bytes) -> list[int]:
        """See ``ports.Matcher``."""
        return self._tokenizer.plain(text)

    def branch(self) -> GrammarMatcher:
        """See ``ports.Matcher``."""
        return GrammarMatcher(self._ll.deep_copy(), self._tokenizer, self.pace)

    def _is_complete(self) -> bool:
        return self._ll.is_stopped() and not self._ll.is_error()

    def _failure(self) -> Failure:
        reason = first_line(self._ll.get_error()) or "nothing may follow"
        msg = f"The constraint cannot be followed further: {reason}"
        return Failure(FailureKind.UNSUPPORTED, msg)


def first_line(text: str) -> str:
    """The first line that says something: llguidance adds the parser's whole state."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
