"""States of slots kept in host memory, found again by how a prompt begins."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from colonnade.worker.prefixes import PrefixTree

if TYPE_CHECKING:
    from colonnade.worker.ports import State

_PROMPTS = 256
"""Earlier prompts that are remembered by their tokens alone."""


class SavedState(NamedTuple):
    """A slot's memory after ``tokens``."""

    tokens: list[int]
    state: State


class StateCache:
    """Saved states within a budget of bytes; the one unused for longest goes first.

    ``whole``: a state can be used as it is or not at all. Otherwise it can be cut, and one that
    goes further makes those that it begins with needless.
    """

    def __init__(self, budget: int, *, whole: bool) -> None:
        self._budget = budget
        self._whole = whole
        self._tree: PrefixTree[int] = PrefixTree()
        self._saved: OrderedDict[int, SavedState] = OrderedDict()
        """By number, the one used last at the end."""
        self._next = 0
        self.size = 0
        """Bytes of all states."""
        self.hits = 0
        """How many prompts began with one, since somebody asked."""
        self._prompts: PrefixTree[int] = PrefixTree()
        self._recent: OrderedDict[int, list[int]] = OrderedDict()

    def __len__(self) -> int:
        """Number of states."""
        return len(self._saved)

    def take_hits(self) -> int:
        """How many prompts began with a state since this was last asked."""
        hits, self.hits = self.hits, 0
        return hits

    def holds(self, tokens: list[int]) -> bool:
        """Whether a state of these tokens, or one that can be cut to them, is there."""
        if self._whole:
            return self._tree.get(tokens) is not None
        found = self._tree.nearest(tokens)
        return found is not None and found.common == len(tokens)

    def put(self, tokens: list[int], state: State) -> None:
        """Keep a state, if it fits the budget at all."""
        if not tokens or len(state) > self._budget:
            return
        known = self._tree.get(tokens)
        if known is not None:
            self._drop(known)
        if not self._whole:
            for match in list(self._tree.within(tokens)):
                self._drop(match.value)
        while self.size + len(state) > self._budget:
            self._drop(next(iter(self._saved)))
        self._tree.put(tokens, self._next)
        self._saved[self._next] = SavedState(tokens, state)
        self._next += 1
        self.size += len(state)

    def find(self, prompt: list[int], most: int) -> tuple[int, SavedState] | None:
        """The state that saves the most of a prompt, and how many tokens; at most ``most``."""
        if self._whole:
            match = next(self._tree.within(prompt[:most]), None)
        else:
            match = self._tree.nearest(prompt[:most])
        if match is None:
            return None
        self._saved.move_to_end(match.value)
        return match.common, self._saved[match.value]

    def seen(self, prompt: list[int]) -> int:
        """How much of a prompt an earlier one shared; remembers it for later ones."""
        found = self._prompts.nearest(prompt)
        number = self._prompts.get(prompt)
        if number is None:
            number = self._next
            self._next += 1
            self._prompts.put(prompt, number)
            self._recent[number] = prompt
            if len(self._recent) > _PROMPTS:
                self._prompts.remove(self._recent.popitem(last=False)[1])
        else:
            self._recent.move_to_end(number)
        return 0 if found is None else found.common

    def _drop(self, number: int) -> None:
        saved = self._saved.pop(number)
        self._tree.remove(saved.tokens)
        self.size -= len(saved.state)
