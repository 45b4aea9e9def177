"""States of slots kept in host memory, found again by how a prompt begins."""

from __future__ import annotations

import zlib
from collections import OrderedDict, defaultdict
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from colonnade.worker.prefixes import PrefixTree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from colonnade.messages import AdapterSet
    from colonnade.worker.ports import State

_PROMPTS = 256
"""Earlier prompts that are remembered by their tokens alone."""


class SavedState(NamedTuple):
    """A slot's memory after ``tokens``."""

    tokens: list[int]
    state: State
    adapters: AdapterSet = ()
    """What they were read with: it is of no use to others."""
    checksum: int | None = None
    """CRC-32 that the state has to have, where it came from another process."""

    @property
    def intact(self) -> bool:
        """Whether it is as it was saved."""
        return self.checksum is None or zlib.crc32(self.state) == self.checksum


class Offer(NamedTuple):
    """A state to be had, and its size in bytes. What takes it need not give it back."""

    size: int
    take: Callable[[], SavedState]


class StateCache:
    """Saved states within a budget of bytes; the one unused for longest goes first.

    ``whole``: a state can be used as it is or not at all. Otherwise it can be cut, and one that
    goes further makes those that it begins with needless.
    """

    def __init__(self, budget: int, *, whole: bool) -> None:
        self._budget = budget
        self._whole = whole
        self._trees: defaultdict[AdapterSet, PrefixTree[int]] = defaultdict(PrefixTree)
        """By the adapters that were read with; none of them empty."""
        self._saved: OrderedDict[int, SavedState] = OrderedDict()
        """By number, the one used last at the end."""
        self._next = 0
        self.size = 0
        """Bytes of all states."""
        self.hits = 0
        """How many prompts began with one, since somebody asked."""
        self._prompts: defaultdict[AdapterSet, PrefixTree[int]] = defaultdict(PrefixTree)
        self._recent: OrderedDict[int, tuple[AdapterSet, list[int]]] = OrderedDict()

    def __len__(self) -> int:
        """Number of states."""
        return len(self._saved)

    def take_hits(self) -> int:
        """How many prompts began with a state since this was last asked."""
        hits, self.hits = self.hits, 0
        return hits

    def holds(self, tokens: list[int], adapters: AdapterSet = ()) -> bool:
        """Whether a state of these tokens, or one that can be cut to them, is there."""
        tree = self._trees.get(adapters)
        if tree is None:
            return False
        if self._whole:
            return tree.get(tokens) is not None
        found = tree.nearest(tokens)
        return found is not None and found.common == len(tokens)

    def put(
        self,
        tokens: list[int],
        state: State,
        adapters: AdapterSet = (),
        checksum: int | None = None,
    ) -> None:
        """Keep a state, if it fits the budget at all. See ``SavedState``."""
        if not tokens or len(state) > self._budget:
            return
        self.supersede(tokens, adapters)
        while self.size + len(state) > self._budget:
            self._drop(next(iter(self._saved)))
        self._trees[adapters].put(tokens, self._next)
        self._saved[self._next] = SavedState(tokens, state, adapters, checksum)
        self._next += 1
        self.size += len(state)

    def resize(self, budget: int) -> None:
        """Keep within so many bytes from now on."""
        self._budget = budget
        while self.size > budget:
            self._drop(next(iter(self._saved)))

    def discard(self, saved: SavedState) -> None:
        """Keep a state no longer, if it is still here."""
        tree = self._trees.get(saved.adapters)
        number = None if tree is None else tree.get(saved.tokens)
        if number is not None and self._saved[number] is saved:
            self._drop(number)

    def offers(self) -> Iterator[Offer]:
        """Offer all states, the one used last first; they are here no longer then."""
        while self._saved:
            number, saved = next(reversed(self._saved.items()))
            self._drop(number)
            yield Offer(len(saved.state), partial(_itself, saved))

    def find(
        self, prompt: list[int], most: int, adapters: AdapterSet = ()
    ) -> tuple[int, SavedState] | None:
        """The state that saves the most of a prompt, and how many tokens; at most ``most``."""
        tree = self._trees.get(adapters)
        if tree is None:
            return None
        if self._whole:
            match = next(tree.within(prompt[:most]), None)
        else:
            match = tree.nearest(prompt[:most])
        if match is None:
            return None
        self._saved.move_to_end(match.value)
        return match.common, self._saved[match.value]

    def seen(self, prompt: list[int], adapters: AdapterSet = ()) -> int:
        """How much of a prompt an earlier one shared; remembers it for later ones."""
        prompts = self._prompts[adapters]
        found = prompts.nearest(prompt)
        number = prompts.get(prompt)
        if number is None:
            number = self._next
            self._next += 1
            prompts.put(prompt, number)
            self._recent[number] = adapters, prompt
            if len(self._recent) > _PROMPTS:
                self._forget_prompt()
        else:
            self._recent.move_to_end(number)
        return 0 if found is None else found.common

    def _forget_prompt(self) -> None:
        """Remember the one no longer that came the longest time ago."""
        adapters, prompt = self._recent.popitem(last=False)[1]
        self._prompts[adapters].remove(prompt)
        if not self._prompts[adapters]:
            del self._prompts[adapters]

    def supersede(self, tokens: list[int], adapters: AdapterSet) -> None:
        """Drop what a state of these tokens makes needless."""
        tree = self._trees.get(adapters)
        known = None if tree is None else tree.get(tokens)
        if known is not None:
            self._drop(known)
        if tree is not None and not self._whole:
            for match in list(tree.within(tokens)):
                self._drop(match.value)

    def _drop(self, number: int) -> None:
        saved = self._saved.pop(number)
        tree = self._trees[saved.adapters]
        tree.remove(saved.tokens)
        if not tree:
            del self._trees[saved.adapters]
        self.size -= len(saved.state)


def _itself(saved: SavedState) -> SavedState:
    return saved
