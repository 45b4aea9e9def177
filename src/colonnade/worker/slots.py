"""The slots: who holds them, what their memory still knows, and states of it kept elsewhere.

A prompt gets the slot, or a copy of the state, that saves the most of its reading.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING

from colonnade.worker.ports import DecodeError
from colonnade.worker.prefixes import PrefixTree, common_length
from colonnade.worker.states import Offer, SavedState, StateCache

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.messages import AdapterSet
    from colonnade.worker.ports import Memory, State
    from colonnade.worker.rows import Rows
    from colonnade.worker.sequence import Request, Sequence

_FEW = 4
"""Tokens that are read again rather than looked for."""

_MANY = 64
"""Tokens that are worth waiting for while another sequence reads them, and worth saving."""


class _Slot:
    __slots__ = ("adapters", "index", "last_used", "resident", "sequence")

    def __init__(self, index: int) -> None:
        self.index = index
        self.sequence: Sequence | None = None
        self.resident: list[int] = []
        """The tokens that the memory holds while no sequence runs here."""
        self.adapters: AdapterSet = ()
        """What they were read with."""
        self.last_used = 0
        """When a sequence ended here last, in ends of sequences."""


class Slots:
    """The model's memory, slot by slot."""

    def __init__(self, count: int, ctx_size: int, cache_size: int, memory: Memory) -> None:
        """``ctx_size``: tokens that a slot holds; ``cache_size``: bytes for states elsewhere."""
        self._ctx_size = ctx_size
        self._cache_size = cache_size
        self._memory = memory
        self._slots = [_Slot(index) for index in range(count)]
        self._clock = itertools.count(1)
        self.running: list[Sequence] = []
        """The sequences that hold a slot, by slot. Not to be changed by others."""
        self.states = StateCache(cache_size, whole=memory.whole)
        self._sharing: list[Request] = []
        """Requests whose choices start from a copied state, and of late such ones."""
        self._too_many: float = math.inf
        """Tokens whose state is larger than all the room for states."""

    @property
    def full(self) -> bool:
        """No slot is free."""
        return len(self.running) == len(self._slots)

    def place(self, sequence: Sequence) -> None:
        """Put a sequence into a free slot.

        Raises:
            Failure: it cannot begin; nothing has changed.
        """
        sequence.begin()
        request, free = sequence.request, self._free()
        reusable = len(request.prompt) - 1 if _may_reuse(sequence) else 0
        if reusable:
            self._borrow(request, reusable, free)
        slot, kept = self._prepare(free, request, reusable)
        if request.shared is not None and sequence.choice > 0:
            kept = self._restore(slot, request.shared, len(request.prompt) - 1)
            request.to_start -= 1
            if not request.to_start:
                request.shared = None
        slot.sequence = sequence
        self._note_running()
        slot.resident = []
        sequence.slot = slot.index
        sequence.behind = None
        sequence.cached = kept
        sequence.go_to(kept)
        most = request.decoding.max_tokens
        room = self._ctx_size - len(request.prompt)
        sequence.limit = len(request.prompt) + (room if most is None else min(most, room))
        del sequence.tokens[sequence.limit :]
        if self._cache_size and reusable and self._memory.whole:
            # A state cannot be cut here: leave one where this prompt parts from an earlier one.
            parting = min(self.states.seen(request.prompt, request.adapters), reusable)
            sequence.checkpoint = parting if parting >= kept + _MANY else 0

    def release(self, sequence: Sequence) -> None:
        """Take back the slot of a sequence that ended; what it read stays for a prompt like it."""
        slot = self._slots[sequence.slot]
        slot.sequence = None
        self._note_running()
        if sequence.request.decoding.share:
            if sequence.media and sequence.media[0].start < sequence.position:  # part of a picture
                sequence.position = self._memory.keep(slot.index, sequence.position)
            slot.resident = sequence.tokens[: sequence.position]
            slot.adapters = sequence.request.adapters
        else:
            self._memory.keep(slot.index, 0)
        slot.last_used = next(self._clock)
        sequence.slot = -1

    def _note_running(self) -> None:
        self.running = [slot.sequence for slot in self._slots if slot.sequence is not None]

    def forget(self) -> None:
        """Clear the memory of every slot that no sequence holds."""
        for slot in self._slots:
            if slot.sequence is None:
                slot.resident = []
                self._memory.keep(slot.index, 0)

    def offers(self) -> Iterator[Offer]:
        """Offer the states of all slots that no sequence holds, and all saved ones, each once and
        the one used last first. The saved ones are here no longer then."""
        slots: list[_Slot] = []
        held: defaultdict[AdapterSet, PrefixTree[int]] = defaultdict(PrefixTree)
        for slot in sorted(self._slots, key=lambda each: len(each.resident), reverse=True):
            tokens, adapters = slot.resident, slot.adapters
            if len(tokens) < _MANY or self._held(held[adapters], tokens):
                continue
            if self.states.holds(tokens, adapters):
                self.states.find(tokens, len(tokens), adapters)  # used as late as the slot
                continue
            self.states.supersede(tokens, adapters)
            held[adapters].put(tokens, slot.index)
            slots.append(slot)
        for slot in sorted(slots, key=lambda each: each.last_used, reverse=True):
            yield Offer(self._memory.size(slot.index), partial(self._copy, slot))
        yield from self.states.offers()

    def _held(self, held: PrefixTree[int], tokens: list[int]) -> bool:
        """Whether one of these states can stand for these tokens."""
        if self._memory.whole:
            return held.get(tokens) is not None
        found = held.nearest(tokens)
        return found is not None and found.common == len(tokens)

    def _copy(self, slot: _Slot) -> SavedState:
        return SavedState(slot.resident, self._memory.save(slot.index), slot.adapters)

    def settle(self, rows: Rows) -> None:
        """Forget what a draft has put into the memory and did not come true."""
        if rows.draft is None or rows.right == rows.draft.read:
            return
        length = rows.base + rows.right
        kept = self._memory.keep(rows.slot, length)
        if kept < length:  # then it is read again
            if rows.sequence.slot >= 0:
                rows.sequence.go_to(kept)
            else:
                self._slots[rows.slot].resident = rows.sequence.tokens[:kept]

    def cut(self, sequence: Sequence) -> None:
        """Forget what was read for nothing behind a running sequence's tokens."""
        sequence.go_to(self._memory.keep(sequence.slot, sequence.position))

    def save(self, sequence: Sequence) -> None:
        """Keep the state of what a running sequence has read, for prompts that begin with it."""
        self._save_running(sequence)

    def share(self, sequence: Sequence) -> None:
        """Copy the state of what a running sequence has read, for its request's other choices. They
        do without it and read for themselves where such copies take as much as all that is kept,
        or as all slots."""
        request = sequence.request
        self._sharing = [each for each in self._sharing if each.shared is not None]
        held = sum(len(each.shared) for each in self._sharing if each.shared is not None)
        size = self._memory.size(sequence.slot)
        if held + size <= max(self._cache_size, size * len(self._slots)):
            request.shared = self._memory.save(sequence.slot)
            request.to_start = len(request.followers)
            self._sharing.append(request)

    def is_being_read(self, sequence: Sequence) -> bool:
        """Whether a sequence that runs is about to read much of this one's prompt. If so, it will
        leave a state there."""
        reader = sequence.behind
        if reader is not None and reader.slot >= 0 and reader.position < reader.checkpoint:
            return True  # as was found before
        sequence.behind = self._reader_before(sequence, self._free())
        return sequence.behind is not None

    def _reader_before(self, sequence: Sequence, free: list[_Slot]) -> Sequence | None:
        """Who is about to read what this one begins with, and much of it."""
        if not self._cache_size or not _may_reuse(sequence):
            return None
        request = sequence.request
        prompt = request.prompt
        readers = [
            each
            for each in self._lenders(request.adapters)
            if each.position < len(each.request.prompt)
        ]
        most = len(prompt) - 1
        shared = {id(each): common_length(each.request.prompt, prompt, most) for each in readers}
        reader = max(readers, key=lambda each: shared[id(each)], default=None)
        if reader is None or shared[id(reader)] <= reader.position:
            return None
        common = shared[id(reader)]
        if common >= self._too_many:
            return None
        found = self.states.find(prompt, most, request.adapters)
        there = max(self._reusable(slot, request, most) for slot in free)
        if common - max(there, 0 if found is None else found[0]) < _MANY:
            return None
        if not reader.position < reader.checkpoint <= common:
            reader.checkpoint = common
        return reader if reader.checkpoint >= _MANY else None

    def _free(self) -> list[_Slot]:
        return [slot for slot in self._slots if slot.sequence is None]

    def _lenders(self, adapters: AdapterSet) -> list[Sequence]:
        """The running sequences whose states others may use that have the same adapters."""
        return [
            each
            for each in self.running
            if each.request.decoding.share and each.request.adapters == adapters
        ]

    def _prepare(self, free: list[_Slot], request: Request, reusable: int) -> tuple[_Slot, int]:
        """A slot for a prompt, and how many of its tokens the slot remembers.

        A conversation goes on in its own slot. One that only begins like another takes a copy of
        that beginning, from a slot or from the saved states, to an empty slot or to the one unused
        for longest. What a slot loses by this is saved.
        """
        shared = {slot.index: self._reusable(slot, request, reusable) for slot in free}
        source = max(free, key=lambda slot: shared[slot.index])
        common = shared[source.index]
        spare = min(free, key=lambda slot: (bool(slot.resident), slot.last_used, slot.index))
        found = self.states.find(request.prompt, reusable, request.adapters)
        if found is not None and found[0] >= max(_FEW, common + 1):
            self._evict(spare)
            self.states.hits += 1
            return spare, self._bring_back(spare, found[1], found[0])
        if not common:
            self._evict(spare)
            return spare, self._memory.keep(spare.index, 0)
        lost = len(source.resident) - common
        fits = spare is source or not lost or (spare.resident and lost <= common)
        if fits or self._memory.whole:  # a copy could not be cut
            if lost:
                self._evict(source)
            return source, self._memory.keep(source.index, common)
        self._evict(spare)
        return spare, self._restore(spare, self._memory.save(source.index), common)

    def _borrow(self, request: Request, most: int, free: list[_Slot]) -> None:
        """Save what a running sequence has read, where a prompt begins with much of that."""
        if not self._cache_size or self._memory.whole:
            return
        prompt, lenders = request.prompt, self._lenders(request.adapters)
        lender = max(lenders, key=lambda each: _shares(each, prompt, most), default=None)
        if lender is None:
            return
        found = self.states.find(prompt, most, request.adapters)
        there = max(self._reusable(slot, request, most) for slot in free)
        if _shares(lender, prompt, most) - max(there, found[0] if found else 0) >= _MANY:
            self._save_running(lender)

    def _evict(self, slot: _Slot) -> None:
        """Save what a slot holds before it is lost."""
        resident, adapters = slot.resident, slot.adapters
        if len(resident) >= _MANY and not self.states.holds(resident, adapters):
            self._save(slot.index, resident, adapters)

    def _save_running(self, sequence: Sequence) -> None:
        read = sequence.tokens[: sequence.position]
        self._save(sequence.slot, read, sequence.request.adapters)

    def _save(self, slot: int, tokens: list[int], adapters: AdapterSet) -> None:
        """Keep a slot's state, where it is not too large to be kept at all."""
        if not self._cache_size or len(tokens) >= self._too_many:
            return
        if self._memory.size(slot) > self._cache_size:
            self._too_many = len(tokens)
        else:
            self.states.put(list(tokens), self._memory.save(slot), adapters)

    def _bring_back(self, slot: _Slot, saved: SavedState, length: int) -> int:
        """Put a kept state into a slot, and keep it no longer where that cannot be done."""
        restored = self._restore(slot, saved.state, length) if saved.intact else 0
        if not restored:
            self._memory.keep(slot.index, 0)
            self.states.discard(saved)
        return restored

    def _restore(self, slot: _Slot, state: State, length: int) -> int:
        """Put a saved state of ``length`` tokens into a slot; returns how many are there."""
        try:
            self._memory.load(slot.index, state)
        except DecodeError:  # then they are read again
            return self._memory.keep(slot.index, 0)
        return self._memory.keep(slot.index, length)

    def _reusable(self, slot: _Slot, request: Request, most: int) -> int:
        """How many tokens of a prompt a slot can give, 0 for a few that are not worth it."""
        if slot.adapters != request.adapters:
            return 0
        common = common_length(slot.resident, request.prompt, most)
        if common < _FEW or not self._memory.can_keep(slot.index, common):
            return 0
        return common


def _may_reuse(sequence: Sequence) -> bool:
    """Whether what was read before may stand for a part of its prompt."""
    request = sequence.request
    decoding = request.decoding
    return decoding.reuse and decoding.prompt_logprobs is None and request.shared is None


def _shares(sequence: Sequence, prompt: list[int], most: int) -> int:
    """How many tokens of a prompt a sequence has read."""
    return min(sequence.position, common_length(sequence.tokens, prompt, most))
