"""Words of the world, split so that the held-out dialogues use words that training never saw.

A word belongs to the held-out split when its CRC-32 says so; that holds for listed words and for
made-up ones alike, so the two splits are disjoint by construction. Closed lists that the model has
to know (colours, capitals, days) are shared.
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

from . import lists

if TYPE_CHECKING:
    import random

# Words of an example in an older service's document: always held out, so that it stays unseen.
RESERVED = frozenset({"weather", "location", "get_weather"})

_ONSETS = lists.words("b d f g h j k l m n p r s t v w z br dr fl gr kr pl st tr sh th qu ch")
_VOWELS = lists.words("a e i o u ai ea oo")
_CODAS = ("", "", "", "n", "r", "l", "s", "k", "m", "t", "x", "nd", "sk")
_FOREIGN = (
    "café",
    "naïve",
    "Zürich",
    "señor",
    "Привет",
    "мир",
    "你好",
    "世界",
    "こんにちは",
    "🙂",
    "🚀",
    "Ωmega",
    "ñandú",
    "€5",
    "½",
    "Łódź",
    "façade",
    "привет",
    "שלום",
    "æther",
)


def is_held_out(word: str) -> bool:
    """Whether a word (in any letter case) is reserved for evaluation."""
    lower = word.lower()
    return lower in RESERVED or zlib.crc32(lower.encode()) % 5 == 0


@lru_cache(maxsize=64)
def _pool(words: tuple[str, ...], held_out: bool) -> tuple[str, ...]:
    return tuple(word for word in words if is_held_out(word) == held_out)


class Words:
    """A seeded source of words from one split."""

    def __init__(self, rng: random.Random, held_out: bool = False) -> None:
        self.rng = rng
        self.held_out = held_out

    def pick(self, words: tuple[str, ...]) -> str:
        """One word of a list that belongs to this split."""
        return self.rng.choice(_pool(words, self.held_out))

    def pseudo(self, low: int = 1, high: int = 3) -> str:
        """A made-up lower-case word of `low` to `high` syllables."""
        rng = self.rng
        while True:
            parts = (
                rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS)
                for _ in range(rng.randint(low, high))
            )
            word = "".join(parts)
            if is_held_out(word) == self.held_out:
                return word

    def name(self) -> str:
        """A person's name, listed or made up."""
        if self.rng.random() < 0.4:
            return self.pick(lists.FIRST_NAMES)
        return self.pseudo(1, 3).capitalize()

    def city(self) -> str:
        """A city, listed or made up."""
        if self.rng.random() < 0.5:
            return self.pick(lists.CITIES)
        return self.pseudo(2, 3).capitalize()

    def noun(self) -> str:
        """A noun, listed or made up."""
        return self.pick(lists.NOUNS) if self.rng.random() < 0.6 else self.pseudo(1, 3)

    def verb(self) -> str:
        """A verb, listed or made up."""
        return self.pick(lists.VERBS) if self.rng.random() < 0.6 else self.pseudo(1, 2)

    def adjective(self) -> str:
        """A listed adjective."""
        return self.pick(lists.ADJECTIVES)

    def phrase(self) -> str:
        """A short noun phrase, listed or made up."""
        if self.rng.random() < 0.5:
            return f"{self.adjective()} {self.noun()}"
        return self.noun()

    def anything(self) -> str:
        """Any kind of word, code, number or foreign script: material for exact copying."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.5:
            return self.pseudo(1, 3)
        if kind < 0.8:
            return self.pick(rng.choice((lists.NOUNS, lists.ADJECTIVES, lists.VERBS, lists.JOBS)))
        if kind < 0.87:
            return str(rng.randint(0, 9999))
        if kind < 0.9:
            return "".join(
                rng.choices("abcdefghijkmnpqrstuvwxyzABCDEFGHKLMNPQRSTXYZ0123456789-_", k=6)
            )
        if kind < 0.93:
            return rng.choice(_FOREIGN)
        return self.name()
