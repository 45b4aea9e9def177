"""Guesses by a smaller model of the same vocabulary, which goes ahead greedily.

Leviathan et al., "Fast Inference from Transformers via Speculative Decoding" (2023); with guesses
that are certain, not drawn, drawing from the model's own distribution and comparing is exact.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from colonnade.worker.pacer import PrefillPacer
from colonnade.worker.ports import Chunk, DecodeError
from colonnade.worker.prefixes import common_length
from colonnade.worker.series import expected_run

if TYPE_CHECKING:
    from colonnade.worker.ports import Model

_NEW = 0.2
"""Weight of the newest guessed token in the running rate."""

_AT_FIRST = 0.9
"""The rate until it is known: hopeful, for where two rows cost as much as two steps, only many can
pay, and no rate is learnt before they are tried."""

_REGAINED = 0.01
"""What part of the first rate comes back in a step without guesses."""


class Text(NamedTuple):
    """A slot's tokens."""

    slot: int
    tokens: list[int]


class DraftModel:
    """A model with as many slots as the one that it guesses for, and no samplers."""

    def __init__(self, model: Model, vocab_size: int, prefill_step_ms: float = 100.0) -> None:
        """``vocab_size`` is that of the greater model: no other tokens are guessed. In
        ``prefill_step_ms`` as much is read of prompts at once."""
        self._model = model
        self._vocab_size = vocab_size
        self._pacer = PrefillPacer(prefill_step_ms, model.batch_size)
        self._read: list[list[int]] = [[] for _ in range(model.slots)]
        """What the model's memory holds, by slot."""

    def draft(self, texts: list[Text], count: int) -> dict[int, list[int]]:
        """At most ``count`` next tokens for each slot that has been read so far; others read on.

        Prompts are read piece by piece, one a call, so that nobody waits long for them.
        """
        known = [each for each in texts if len(each.tokens) + count <= self._model.ctx_size]
        try:
            guesses = self._catch_up(known)
            for _ in range(count - 1):
                self._go_on(guesses)
        except DecodeError:  # no guesses are no harm
            self._forget()
            return {}
        return {slot: self._cut(guess) for slot, guess in guesses.items()}

    def _catch_up(self, texts: list[Text]) -> dict[int, list[int]]:
        """Read a piece of what is new; the next token of those that are through."""
        chunks = self._piece(texts)
        began = time.perf_counter()
        guesses = self._decode(chunks)
        count = sum(len(chunk.tokens) for chunk in chunks)
        self._pacer.observe(count, time.perf_counter() - began, decoding=False)
        return guesses

    def _piece(self, texts: list[Text]) -> list[Chunk]:
        """As much as there is time for, of those first that have the least to read, by slot."""
        unread = [(len(tokens) - self._kept(slot, tokens), slot, tokens) for slot, tokens in texts]
        # those that only go on have two tokens at the most, which are no prefill
        room = min(self._model.batch_size, self._pacer.budget + 2 * len(texts))
        chunks = []
        for left, slot, tokens in sorted(unread):
            count = min(left, room)
            if count:
                read = len(tokens) - left
                chunks.append(Chunk(slot, read, tokens[read : read + count], int(count == left)))
            room -= count
        return sorted(chunks)

    def _kept(self, slot: int, tokens: list[int]) -> int:
        """Forget what is not in the text; how much of it remains. The last token is read again."""
        read = self._read[slot]
        common = common_length(read, tokens, len(tokens) - 1)
        if common < len(read):
            common = self._model.keep(slot, common)
            del read[common:]
        return common

    def _go_on(self, guesses: dict[int, list[int]]) -> None:
        """Guess one token more for each, from the one before."""
        last = [Chunk(slot, len(self._read[slot]), g[-1:], 1) for slot, g in guesses.items()]
        for slot, found in self._decode(last).items():
            guesses[slot] += found

    def _decode(self, chunks: list[Chunk]) -> dict[int, list[int]]:
        """Read chunks; the likeliest next token of those with a row of logits."""
        if not chunks:
            return {}
        rows = self._model.decode(chunks)
        for chunk in chunks:
            self._read[chunk.slot] += chunk.tokens
        slots = [chunk.slot for chunk in chunks if chunk.outputs]
        if not slots:
            return {}
        return {slot: [int(token)] for slot, token in zip(slots, rows.argmax(axis=1), strict=True)}

    def _cut(self, guess: list[int]) -> list[int]:
        """A guess up to a token that the greater model does not have."""
        unknown = (at for at, token in enumerate(guess) if token >= self._vocab_size)
        return guess[: next(unknown, len(guess))]

    def _forget(self) -> None:
        for slot, read in enumerate(self._read):
            self._model.keep(slot, 0)
            read.clear()


class DraftRecord:
    """How often the draft model is right on one sequence."""

    __slots__ = ("_rate", "_tokens", "guess")

    def __init__(self, tokens: list[int]) -> None:
        """``tokens`` is the sequence's own list, which grows behind our back."""
        self._tokens = tokens
        self._rate = _AT_FIRST
        self.guess: list[int] = []
        """What was guessed for the step under way."""

    predicted = False
    """Nothing of it comes from the client."""

    @property
    def guesses(self) -> bool:
        """There is always a guess to be had."""
        return True

    def expected(self, count: int) -> float:
        """How many of so many guessed tokens will come true, up to the first wrong one."""
        return expected_run(self._rate, self._rate, count)

    def follow(self, before: int) -> bool:
        """See how much of the guess came true in the tokens behind the first ``before``. There will
        be another one."""
        if not self.guess:
            self._rate += _REGAINED * (_AT_FIRST - self._rate)
        for guess, token in zip(self.guess, self._tokens[before:], strict=False):
            self._rate += _NEW * ((guess == token) - self._rate)
            if guess != token:
                break
        self.guess = []
        return True
