"""Guesses how a text goes on by what stood behind the same tokens before: prompt lookup.

Saxena, "Prompt Lookup Decoding" (2023): answers repeat their prompt, code and tables repeat
themselves, and a look into a dictionary finds the place.
"""

from __future__ import annotations

from enum import IntEnum
from itertools import cycle, islice

from colonnade.worker.series import expected_run

_WIDTH = 3
"""Tokens by which a place is found. By two, most places are wrong ones; by four, a repetition is
found late. One index, for each is a walk through cold memory in every step."""

_BITS = 21
"""Of a token in a key: more than any vocabulary needs."""

_MASK = (1 << _BITS * _WIDTH) - 1

_AT_ONCE = 4096
"""Tokens of a long prompt that are indexed in one step: about a millisecond."""

_NEW = 0.125
"""Weight of the newest guessed token in a running rate."""

_EVIDENCE = 3
"""How many right tokens in a row count as much as the running rate."""


class _Kind(IntEnum):
    """How the place of a guess was come by."""

    FEW = 0
    """By the last three tokens."""
    MORE = 1
    """The one before them is the same, too."""
    AGAIN = 2
    """The token before was guessed right."""


class PromptLookup:
    """The places of one sequence's tokens, and how often guesses by them come true."""

    __slots__ = ("_at", "_indexed", "_key", "_kind", "_places", "_rates", "_row", "_tokens")

    def __init__(self, tokens: list[int]) -> None:
        """``tokens`` is the sequence's own list, which grows behind our back."""
        self._tokens = tokens
        self._indexed = 0
        """How many tokens the index knows."""
        self._key = 0
        """The last few of them as a number, the newest in the lowest bits."""
        self._places: dict[int, int] = {}
        """By key, the place behind its last occurrence."""
        self._at = 0
        """The place where the guess begins, 0 for no guess."""
        self._kind = _Kind.FEW
        self._rates = [0.3, 0.5, 0.8]
        """By kind, how many of the guessed tokens came true, those of late counting for more."""
        self._row = 0
        """How many of them in a row, up to now."""

    @property
    def guesses(self) -> bool:
        """Whether there is a guess now."""
        return self._at > 0

    def guess(self, count: int) -> list[int]:
        """The next tokens, or none. At the end of the text its repetition is taken to go on."""
        if not self._at:
            return []
        found = self._tokens[self._at : self._at + count]
        return list(islice(cycle(found), count))

    def expected(self, count: int) -> float:
        """How many of so many guessed tokens will come true, up to the first wrong one."""
        again = (self._row + _EVIDENCE * self._rates[_Kind.AGAIN]) / (self._row + _EVIDENCE)
        first = again if self._kind is _Kind.AGAIN else self._rates[self._kind]
        return expected_run(first, again, count)

    def follow(self, before: int) -> bool:
        """Take in the tokens behind the first ``before``, and look for the next guess. Returns
        whether there is one."""
        if self._at:
            self._judge(before)
        tokens, places, key, place = self._tokens, self._places, self._key, 0
        end = min(len(tokens), self._indexed + _AT_ONCE)
        for at in range(self._indexed, end):
            key = (key << _BITS | tokens[at]) & _MASK
            place = places.get(key, 0)
            places[key] = at + 1
        self._indexed, self._key = end, key
        if place and not self._at and end == len(tokens):
            self._begin(place)
        return self._at > 0

    def _judge(self, before: int) -> None:
        """See how far the guess has come true, whether or not it was used."""
        tokens, rates = self._tokens, self._rates
        for place in range(before, len(tokens)):
            right = tokens[self._at] == tokens[place]
            rates[self._kind] += _NEW * (right - rates[self._kind])
            if not right:
                self._at = self._row = 0
                return
            self._at += 1
            self._row += 1
            self._kind = _Kind.AGAIN

    def _begin(self, place: int) -> None:
        """Guess that what stood at a place behind the last tokens comes again."""
        tokens = self._tokens
        more = place > _WIDTH and tokens[place - _WIDTH - 1] == tokens[-_WIDTH - 1]
        self._at, self._kind = place, _Kind.MORE if more else _Kind.FEW
