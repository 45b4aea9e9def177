"""Guesses by a text that the client expects the answer to be like: predicted outputs.

The answer is followed through that text. It begins at its start; where it goes its own way, the
place is looked for again by the last tokens, close behind where it was lost, or else anywhere.
"""

from __future__ import annotations

from bisect import bisect_left
from enum import IntEnum
from typing import TYPE_CHECKING

from colonnade.worker.lookup import AT_ONCE, EVIDENCE, NEW, WIDTH, PromptLookup, key_behind

if TYPE_CHECKING:
    from collections.abc import Sequence

_CLOSE = 64
"""Tokens behind a lost place in which it is looked for by two tokens alone."""


class _Kind(IntEnum):
    """How a place was come by."""

    ANYWHERE = 0
    CLOSE = 1
    AGAIN = 2
    """The token before was right, or it is the start."""


_AT_FIRST = (0.4, 0.5, 0.6)
"""The rates to begin with, by kind. Played through with answers of SmolLM2: where 16 rows cost
eight times as much as one, higher ones cost a tenth on predictions that are wrong at every
fifteenth token, and lower ones gain nothing anywhere (docs/performance.md)."""


class Prediction:
    """A predicted text's tokens, and where each three of them stand. Shared by a request's
    choices, and indexed piece by piece: about a millisecond a step."""

    __slots__ = ("_first", "_indexed", "_key", "_more", "tokens")

    def __init__(self, tokens: Sequence[int]) -> None:
        self.tokens = list(tokens)
        self._indexed = 0
        self._key = 0
        self._first: dict[int, int] = {}
        """By key, the first place behind those tokens."""
        self._more: dict[int, list[int]] = {}
        """By key, all places, where there are several."""

    def grow(self) -> None:
        """Index some more. Nothing stands behind the last token."""
        end = max(0, min(len(self.tokens) - 1, self._indexed + AT_ONCE))
        for at in range(self._indexed, end):
            self._key = key_behind(self._key, self.tokens[at])
            if at < WIDTH - 1:
                continue
            first = self._first.setdefault(self._key, at + 1)
            if first != at + 1:
                self._more.setdefault(self._key, [first]).append(at + 1)
        self._indexed = end

    def place(self, last: Sequence[int], lost: int) -> tuple[int, _Kind] | None:
        """The place behind the ``last`` tokens, where the answer was lost at place ``lost``."""
        tokens, pair = self.tokens, [*last[-2:]]
        for at in range(lost, min(lost + _CLOSE, len(tokens) - 2)):
            if tokens[at] == pair[0] and tokens[at + 1] == pair[1]:
                return at + 2, _Kind.CLOSE
        key = 0
        for token in last[-WIDTH:]:
            key = key_behind(key, token)
        first = self._first.get(key)
        if first is None:
            return None
        places = self._more.get(key, [first])
        return places[min(bisect_left(places, lost), len(places) - 1)], _Kind.ANYWHERE


class PredictedLookup:
    """Guesses for one sequence: from its prediction, or from its own text where more is to be
    expected of that. See ``ports.Foresight``."""

    __slots__ = (
        "_at",
        "_begun",
        "_chance",
        "_hopes",
        "_kind",
        "_lost",
        "_own",
        "_prediction",
        "_rates",
        "_row",
        "_tokens",
        "predicted",
    )

    def __init__(self, tokens: list[int], prediction: Prediction, begun: int) -> None:
        """``tokens`` is the sequence's own list, which grows behind our back; the answer begins at
        ``begun``."""
        self._tokens = tokens
        self._prediction = prediction
        self._own = PromptLookup(tokens)
        self._begun = begun
        self._at: int | None = 0
        """The place where the guess begins; None where the answer is lost."""
        self._lost = 0
        self._kind = _Kind.AGAIN
        self._rates = list(_AT_FIRST)
        """By kind, how many of the predicted tokens came true, those of late counting for more."""
        self._row = 0
        """How many of them in a row, up to now."""
        self._hopes = [0.0]
        self._chance = 1.0
        self.predicted = False
        """The last guess came from the prediction."""

    @property
    def guesses(self) -> bool:
        """See ``ports.Foresight``."""
        return self._left > 0 or self._own.guesses

    def expected(self, count: int) -> float:
        """See ``ports.Foresight``."""
        return max(self._predicted_of(count), self._own_of(count))

    def guess(self, count: int) -> list[int]:
        """The next tokens, or none."""
        self.predicted = self._left > 0 and self._predicted_of(count) >= self._own_of(count)
        if not self.predicted or self._at is None:
            return self._own.guess(count)
        return self._prediction.tokens[self._at : self._at + count]

    def follow(self, before: int) -> bool:
        """See ``ports.Foresight``."""
        self._own.follow(before)
        self._prediction.grow()
        self._hopes, self._chance = [0.0], 1.0
        if self._at is not None:
            self._judge(max(before, self._begun))
        if self._at is None and len(self._tokens) - self._begun >= 2:
            found = self._prediction.place(self._tokens[-WIDTH:], self._lost)
            if found is not None:
                self._at, self._kind = found
        return self.guesses

    @property
    def _left(self) -> int:
        """How many tokens the prediction has from here on."""
        return 0 if self._at is None else len(self._prediction.tokens) - self._at

    def _own_of(self, count: int) -> float:
        return self._own.expected(count) if self._own.guesses else 0.0

    def _predicted_of(self, count: int) -> float:
        """As ``PromptLookup.expected``."""
        hopes, again = self._hopes, self._rates[_Kind.AGAIN]
        count = min(count, self._left)
        for number in range(len(hopes), count + 1):
            row = self._row + number - 1
            chance = (row + EVIDENCE * again) / (row + EVIDENCE)
            self._chance *= self._rates[self._kind] if not row else chance
            hopes.append(hopes[-1] + self._chance)
        return hopes[count]

    def _judge(self, before: int) -> None:
        """See how far the prediction has come true, whether or not it was used."""
        tokens, wanted, rates = self._tokens, self._prediction.tokens, self._rates
        for place in range(before, len(tokens)):
            if self._at is None or self._at >= len(wanted):
                self._lose(len(wanted))
                return
            right = wanted[self._at] == tokens[place]
            if self._row <= EVIDENCE:
                rates[self._kind] += NEW * (right - rates[self._kind])
            if not right:
                self._lose(self._at)
                return
            self._at += 1
            self._row += 1
            self._kind = _Kind.AGAIN

    def _lose(self, place: int) -> None:
        self._at, self._lost, self._row = None, place, 0
