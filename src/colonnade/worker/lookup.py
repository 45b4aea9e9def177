"""Guesses how a text goes on by what stood behind the same tokens before: prompt lookup.

Saxena, "Prompt Lookup Decoding" (2023): answers repeat their prompt, code and tables repeat
themselves, and a look into a dictionary finds the place.
"""

from __future__ import annotations

from enum import IntEnum
from itertools import cycle, islice

_LONG, _SHORT = 4, 2
"""Tokens by which a place is found: many where there is such a place, for it is likelier right."""

_AT_ONCE = 4096
"""Tokens of a long prompt that are indexed in one step: 2 ms."""

_NEW = 0.125
"""Weight of the newest guessed token in a running rate."""

_EVIDENCE = 3
"""How many right tokens in a row count as much as the running rate."""


class _Kind(IntEnum):
    """How the place of a guess was come by."""

    FEW = 0
    """By the last two tokens."""
    MORE = 1
    """By the last four."""
    AGAIN = 2
    """The token before was guessed right."""


class PromptLookup:
    """The places of one sequence's tokens, and how often guesses by them come true."""

    __slots__ = ("_at", "_indexed", "_kind", "_long", "_rates", "_row", "_short", "_tokens")

    def __init__(self, tokens: list[int]) -> None:
        """``tokens`` is the sequence's own list, which grows behind our back."""
        self._tokens = tokens
        self._indexed = 0
        """How many tokens the index knows."""
        self._long: dict[tuple[int, ...], int] = {}
        self._short: dict[tuple[int, ...], int] = {}
        """Some tokens, and the place behind their last occurrence."""
        self._at = 0
        """The place where the guess begins, 0 for no guess."""
        self._kind = _Kind.FEW
        self._rates = [0.2, 0.5, 0.8]
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
        # first * (1 + again + again**2 ...), a geometric series
        return first * (1 - again**count) / (1 - again) if again < 1 else first * count

    def follow(self, before: int) -> None:
        """Take in the tokens behind the first ``before``, and look for the next guess."""
        self._judge(before)
        self._index()
        if not self._at:
            self._find()

    def _judge(self, before: int) -> None:
        """See how far the guess has come true, whether or not it was used."""
        tokens, rates = self._tokens, self._rates
        for place in range(before, len(tokens) if self._at else before):
            right = tokens[self._at] == tokens[place]
            rates[self._kind] += _NEW * (right - rates[self._kind])
            if not right:
                self._at = self._row = 0
                return
            self._at += 1
            self._row += 1
            self._kind = _Kind.AGAIN

    def _index(self) -> None:
        """Note the places of new tokens, all but that behind the last one: it is no guess."""
        tokens = self._tokens
        until = min(len(tokens), self._indexed + _AT_ONCE)
        for end in range(max(self._indexed, _SHORT), until):
            self._short[tokens[end - 2], tokens[end - 1]] = end
            if end >= _LONG:
                self._long[tuple(tokens[end - _LONG : end])] = end
        self._indexed = until

    def _find(self) -> None:
        tokens = self._tokens
        if self._indexed < len(tokens):
            return
        self._at, self._kind = self._long.get(tuple(tokens[-_LONG:]), 0), _Kind.MORE
        if not self._at:
            self._at, self._kind = self._short.get(tuple(tokens[-_SHORT:]), 0), _Kind.FEW
