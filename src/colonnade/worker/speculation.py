"""Decides how many tokens to guess in a step, and counts what came of it.

A step that reads guessed tokens beside the drawn ones draws behind each of them; where a draw is
the guessed token, the next row of logits is there already. What is drawn comes from the same
distributions as without guesses, one draw a token.
"""

from __future__ import annotations

import time
from math import inf
from typing import TYPE_CHECKING, Protocol

from colonnade.worker.drafting import DraftModel, DraftRecord, Text
from colonnade.worker.lookup import PromptLookup
from colonnade.worker.prediction import PredictedLookup
from colonnade.worker.sequence import Draft
from colonnade.worker.spans import up_to_media

if TYPE_CHECKING:
    from collections.abc import Sequence as Sequences

    from colonnade.worker.ports import Foresight
    from colonnade.worker.rows import Rows
    from colonnade.worker.sequence import Sequence

_WIDTHS = (2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Tokens of a sequence in a step."""

_MOST_ROWS = 64

_EXACT = 16
"""Up to here costs are known by the row, beyond by eight rows."""

_NEW = 0.25
"""Weight of the newest step in a running cost."""

_STALE = 500
"""Steps after which a cost has to be found anew: one bad moment must not stand for ever."""

_A_ROW_MORE = 0.1
"""What a row is taken to add to a step of one, until it is measured: little, so that it is."""
_NEW_HOPE = 0.2
"""Weight of the newest step that guessed, in what came of it."""

_REGAINED = 0.01
"""What part of lost trust comes back in a step that did not guess."""

_STRIDE = 2
"""By how much a step may have more rows than any before, lest it be far too long."""

_WORTH = 1.1
"""How much faster guessing has to look."""


class StepCosts:
    """Seconds of a step by its rows, from the steps before it."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[float, int]] = {}
        self._step = 0

    def observe(self, rows: int, seconds: float) -> None:
        """Learn from a step of so many rows, one a token."""
        self._step += 1
        key = _key(rows)
        old = self._known.get(key)
        fresh = old is None or self._step - old[1] > _STALE
        mean = seconds if old is None or fresh else old[0] + _NEW * (seconds - old[0])
        self._known[key] = mean, self._step

    def forget(self) -> None:
        """All steps take another time from here on."""
        self._known.clear()

    def knows(self, rows: int) -> bool:
        """Whether a step of so many rows was timed of late."""
        known = self._known.get(_key(rows))
        return known is not None and self._step - known[1] <= _STALE

    def of(self, rows: int) -> float:
        """What a step of so many rows will take; 0 where nothing is known of fewer either, infinite
        where it is not to be tried."""
        if self.knows(rows):
            return self._known[_key(rows)][0]
        nearest = max((each for each in self._known if each < rows), default=0)
        if not nearest:
            return 0.0
        low = self._known[nearest][0]
        more = min((each for each in self._known if each > rows and self.knows(each)), default=0)
        if more:
            return low + (self._known[more][0] - low) * (rows - nearest) / (more - nearest)
        if rows > nearest * _STRIDE:
            return inf
        return low * (1 + _A_ROW_MORE * rows) / (1 + _A_ROW_MORE * nearest)


def _key(rows: int) -> int:
    return rows if rows <= _EXACT else (rows + 7) // 8 * 8


class Trust:
    """How many of the hoped-for tokens came true, of late. Left alone it grows back to all."""

    def __init__(self) -> None:
        self._hoped = self._came = 1.0

    def of(self, hoped: float) -> float:
        """What to expect where so much is hoped for."""
        return hoped * self._came / self._hoped

    def learn(self, hoped: float, came: float) -> None:
        """Note a step."""
        if hoped:
            self._hoped += _NEW_HOPE * (hoped - self._hoped)
            self._came += _NEW_HOPE * (came - self._came)
        else:
            self._came += _REGAINED * (self._hoped - self._came)


class Guesser(Protocol):
    """Where guesses come from."""

    def foresight(self, sequence: Sequence) -> Foresight:
        """What keeps account of a sequence's guesses."""
        ...

    def guess(self, sequences: Sequences[Sequence], count: int) -> list[list[int]]:
        """At most ``count`` next tokens of each, none where there is no guess."""
        ...


class LookupGuesser:
    """Guesses by what stood behind the same tokens before."""

    def foresight(self, sequence: Sequence) -> PromptLookup | PredictedLookup:
        """See ``Guesser``."""
        return _predicted(sequence) or PromptLookup(sequence.tokens)

    def guess(self, sequences: Sequences[Sequence], count: int) -> list[list[int]]:
        """See ``Guesser``."""
        return [_looked_up(each, count) for each in sequences]


def _predicted(sequence: Sequence) -> PredictedLookup | None:
    """What looks into the client's prediction, where there is one."""
    request = sequence.request
    if request.prediction is None:
        return None
    return PredictedLookup(sequence.tokens, request.prediction, len(request.prompt))


def _looked_up(sequence: Sequence, count: int) -> list[int]:
    foresight = sequence.foresight
    if isinstance(foresight, PromptLookup | PredictedLookup):
        return foresight.guess(count)
    return []


class DraftGuesser:
    """Guesses by a draft model, and by predictions where there are some."""

    def __init__(self, model: DraftModel) -> None:
        self._model = model

    def foresight(self, sequence: Sequence) -> DraftRecord | PredictedLookup:
        """See ``Guesser``."""
        return _predicted(sequence) or DraftRecord(sequence.tokens)

    def guess(self, sequences: Sequences[Sequence], count: int) -> list[list[int]]:
        """See ``Guesser``."""
        others = [
            each
            for each in sequences
            # a draft model sees no pictures
            if not isinstance(each.foresight, PredictedLookup) and not each.request.media
        ]
        texts = [Text(each.slot, each.tokens) for each in others]
        found = self._model.draft(texts, count) if texts else {}
        for sequence in others:
            if isinstance(sequence.foresight, DraftRecord):
                sequence.foresight.guess = found.get(sequence.slot, [])
        return [found.get(each.slot) or _looked_up(each, count) for each in sequences]


class Speculation:
    """Decides on the guesses for all sequences of a step."""

    def __init__(self, guesser: Guesser) -> None:
        self.costs = StepCosts()
        self.hopeful = False
        """Whether any of the sequences that drew last has a guess."""
        self._guesser = guesser
        self._trust = Trust()
        self._hoped = 0.0
        """What was expected of the step's guesses before experience had its say."""
        self._guessing = 0.0
        """Seconds that its guesses took."""

    def prepare(self, sequences: Sequences[Sequence], widest: int) -> int:
        """Set the drafts of sequences that decode one token each. Returns how many tokens each of
        them reads now.

        All read as many, at most ``widest``, or llama.cpp would compute those with more in a
        second pass: where a sequence has no guess, fillers take its place.
        """
        width = self._width(sequences, min(widest, _MOST_ROWS // len(sequences)))
        if width == 1:
            return 1
        began = time.perf_counter()
        guesses = self._guesser.guess(sequences, width - 1)
        if not any(guesses):  # a draft model may still be reading the prompts
            return 1
        self._guessing = time.perf_counter() - began
        for sequence, guess in zip(sequences, guesses, strict=True):
            tokens = guess[: _useful(sequence)]
            if sequence.request.media:  # earlier text may go on with a picture
                tokens = up_to_media(tokens)
            predicted = sequence.foresight is not None and sequence.foresight.predicted
            sequence.draft = Draft(tokens, width - 1 - len(tokens), predicted)
            sequence.drafted += len(tokens)
            sequence.predicted += len(tokens) if predicted else 0
            if sequence.foresight is not None:
                self._hoped += sequence.foresight.expected(len(tokens))
        return width

    def give_up(self) -> None:
        """A step has failed: nothing is known of its guesses."""
        self._hoped = self._guessing = 0.0

    def follow(self, ready: Sequences[Rows]) -> None:
        """Take in what a step has added to its sequences."""
        self._trust.learn(self._hoped, sum([rows.right for rows in ready]))
        self._hoped = 0.0
        self.hopeful = False
        for rows in ready:
            sequence = rows.sequence
            if sequence.slot >= 0:
                if sequence.foresight is None:
                    sequence.foresight = self._guesser.foresight(sequence)
                self.hopeful |= sequence.foresight.follow(rows.base)

    def time_step(self, rows: int, seconds: float) -> None:
        """Learn what a step without prefill took, in which each sequence had as many tokens, all of
        them with a row of logits."""
        self.costs.observe(rows, seconds + self._guessing)
        self._guessing = 0.0

    def _width(self, sequences: Sequences[Sequence], widest: int) -> int:
        """Tokens a sequence with which the most are expected a second. Where it is not known what
        a step without guesses takes, that is found first."""
        able = [
            (each.foresight, _useful(each))
            for each in sequences
            if each.foresight is not None and each.foresight.guesses
        ]
        count = len(sequences)
        if not able or not self.costs.knows(count):
            return 1
        best, width = _WORTH * count / self.costs.of(count), 1
        for wider in _WIDTHS:
            if wider > widest:
                break
            hoped = sum(each.expected(min(wider - 1, useful)) for each, useful in able)
            speed = (count + self._trust.of(hoped)) / self.costs.of(count * wider)
            if speed > best:
                best, width = speed, wider
        return width


def _useful(sequence: Sequence) -> int:
    """How many guessed tokens a sequence may take: one more is drawn behind them."""
    return max(0, sequence.limit - len(sequence.tokens) - 1)
