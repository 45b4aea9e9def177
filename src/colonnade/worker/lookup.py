"""Guesses how a text goes on by what stood behind the same tokens before: prompt lookup.

Saxena, "Prompt Lookup Decoding" (2023): answers repeat their prompt, code and tables repeat
themselves, and a look into a dictionary finds the place.
"""

from __future__ import annotations

from enum import IntEnum
from itertools import cycle, islice

WIDTH = 3
"""Tokens by which a place is found. By two, most places are wrong ones; by four, a repetition is
found late. One index, for each is a walk through cold memory in every step."""

_BITS = 21
"""Of a token in a key: more than any vocabulary needs."""

_MASK = (1 << _BITS * WIDTH) - 1


def key_behind(key: int, token: int) -> int:
    """The last few tokens as a number, the newest in the lowest bits."""
    return (key << _BITS | token) & _MASK


AT_ONCE = 4096
"""Tokens of a long prompt that are indexed in one step: about a millisecond."""

NEW = 0.0625
"""Weight of the newest guessed token in a running rate."""

EVIDENCE = 3
"""How many right tokens in a row count as much as the running rate. In SmolLM2's answers about
texts, 0.71, 0.75, 0.84 of the tokens behind one, two, three right ones are right, 0.91 behind ten
and 0.97 behind thirty: as this and the rate below have it (docs/performance.md)."""

_AT_FIRST = (0.6, 0.7, 0.62)
"""The rates to begin with, by kind."""


class _Kind(IntEnum):
    """How the place of a guess was come by."""

    FEW = 0
    """By the last three tokens."""
    MORE = 1
    """The one before them is the same, too."""
    AGAIN = 2
    """The token before was guessed right. Its rate is that of the first few of a run."""


class PromptLookup:
    """The places of one sequence's tokens, and how often guesses by them come true."""

    __slots__ = (
        "_at",
        "_chance",
        "_hopes",
        "_indexed",
        "_key",
        "_kind",
        "_places",
        "_rates",
        "_row",
        "_tokens",
    )

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
        self._rates = list(_AT_FIRST)
        """By kind, how many of the guessed tokens came true, those of late counting for more."""
        self._row = 0
        """How many of them in a row, up to now."""
        self._hopes = [0.0]
        """What to expect of so many guessed tokens, as far as that was asked for."""
        self._chance = 1.0
        """That all of these come true."""

    predicted = False
    """Nothing of it comes from the client."""

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
        """How many of so many guessed tokens will come true, up to the first wrong one: each right
        one makes the next one likelier, as in a run of draws whose chance is not known beforehand
        (the mean of a beta distribution)."""
        hopes, rates = self._hopes, self._rates
        for number in range(len(hopes), count + 1):
            row = self._row + number - 1
            chance = (row + EVIDENCE * rates[_Kind.AGAIN]) / (row + EVIDENCE)
            if number == 1 and self._kind is not _Kind.AGAIN:
                chance = rates[self._kind]
            self._chance *= chance
            hopes.append(hopes[-1] + self._chance)
        return hopes[count]

    def follow(self, before: int) -> bool:
        """Take in the tokens behind the first ``before``, and look for the next guess. Returns
        whether there is one."""
        if self._at:
            self._judge(before)
            self._hopes, self._chance = [0.0], 1.0
        tokens, places, key, place = self._tokens, self._places, self._key, 0
        end = min(len(tokens), self._indexed + AT_ONCE)
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
            if self._row <= EVIDENCE:
                rates[self._kind] += NEW * (right - rates[self._kind])
            if not right:
                self._at = self._row = 0
                return
            self._at += 1
            self._row += 1
            self._kind = _Kind.AGAIN

    def _begin(self, place: int) -> None:
        """Guess that what stood at a place behind the last tokens comes again."""
        tokens = self._tokens
        more = place > WIDTH and tokens[place - WIDTH - 1] == tokens[-WIDTH - 1]
        self._at, self._kind = place, _Kind.MORE if more else _Kind.FEW
