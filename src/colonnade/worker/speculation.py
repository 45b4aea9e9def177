"""Decides how many tokens to guess in a step, and counts what came of it.

A step that reads guessed tokens beside the drawn ones draws behind each of them; where a draw is
the guessed token, the next row of logits is there already. What is drawn comes from the same
distributions as without guesses, one draw a token.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from colonnade.worker.lookup import PromptLookup

if TYPE_CHECKING:
    from collections.abc import Sequence as Sequences

    from colonnade.worker.ports import Chunk
    from colonnade.worker.rows import Rows
    from colonnade.worker.sequence import Sequence

_WIDTHS = (2, 3, 4, 6, 8, 12, 16)
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

_NEW_HOPE = 0.1
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

    def of(self, rows: int) -> float:
        """What a step of so many rows will take; 0 where nothing is known of fewer either, infinite
        where it is not to be tried."""
        known = self._known.get(_key(rows))
        if known is not None and self._step - known[1] <= _STALE:
            return known[0]
        nearest = max((each for each in self._known if each < rows), default=0)
        if rows > nearest * _STRIDE:
            return inf if nearest else 0.0
        return self._known[nearest][0] * (1 + _A_ROW_MORE * rows) / (1 + _A_ROW_MORE * nearest)


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


class Speculation:
    """Guesses for all sequences of a step."""

    def __init__(self) -> None:
        self.costs = StepCosts()
        self._trust = Trust()
        self._hoped = 0.0
        """What was expected of the step's guesses before experience had its say."""

    def prepare(self, sequences: Sequences[Sequence], widest: int) -> None:
        """Set the drafts of sequences that decode one token each.

        All get as many tokens, at most ``widest``, or llama.cpp would compute those with more in a
        second pass: where a sequence has no guess, fillers take its place.
        """
        width = self._width(sequences, min(widest, _MOST_ROWS // len(sequences)))
        if width == 1:
            return
        for sequence in sequences:
            if sequence.lookup is not None:
                left = sequence.limit - len(sequence.tokens) - 1
                sequence.draft = sequence.lookup.guess(min(width - 1, left))
            sequence.drafted += len(sequence.draft)
            sequence.filler = width - 1 - len(sequence.draft)

    def follow(self, ready: Sequences[Rows]) -> None:
        """Take in what a step has added to its sequences."""
        self._trust.learn(self._hoped, sum(rows.right for rows in ready))
        self._hoped = 0.0
        for rows in ready:
            sequence = rows.sequence
            if sequence.slot >= 0:
                if sequence.lookup is None:
                    sequence.lookup = PromptLookup(sequence.tokens)
                sequence.lookup.follow(rows.base)

    def time_step(self, chunks: Sequences[Chunk], seconds: float) -> None:
        """Learn what a step without prefill took, if each sequence had as many tokens."""
        widths = {len(chunk.tokens) for chunk in chunks}
        if len(widths) == 1:
            self.costs.observe(len(chunks) * widths.pop(), seconds)

    def _width(self, sequences: Sequences[Sequence], widest: int) -> int:
        """Tokens a sequence with which the most are expected a second."""
        lookups = [each.lookup for each in sequences if each.lookup and each.lookup.guesses]
        count = len(sequences)
        now = self.costs.of(count)
        if not lookups or not now:
            return 1
        best, width = _WORTH * count / now, 1
        for wider in _WIDTHS:
            if wider > widest:
                break
            hoped = sum(lookup.expected(wider - 1) for lookup in lookups)
            speed = (count + self._trust.of(hoped)) / self.costs.of(count * wider)
            if speed > best:
                best, width, self._hoped = speed, wider, hoped
        return width
