"""Decides what goes into the next batch. Knows sequences and slots, no library and no clock.

A sequence holds a slot while it runs. Slots are shared fairly between clients, and each client's
requests get theirs first in, first out. Every step carries
one token of each sequence that decodes, and beside them as much prefill as the budget allows, so
that a long prompt delays the others by one bounded step at a time.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from colonnade.worker.ports import Chunk, DecodeError
from colonnade.worker.prefixes import common_length
from colonnade.worker.states import StateCache
from colonnade.worker.waiting import Waiter, WaitingLine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.worker.ports import Memory
    from colonnade.worker.rows import Rows
    from colonnade.worker.sequence import Request, Sequence
    from colonnade.worker.speculation import Speculation


_FEW = 4
"""Tokens that are read again rather than looked for."""

_OLDEST = 4
"""In every so manieth step prefill goes first to the prompt that waits for longest."""

_MOST_LATER = 16
"""Sequences that are looked at in a step and left waiting: their number must not cost time."""

_MANY = 64
"""Tokens that are worth waiting for while another sequence reads them, and worth saving."""


class Limits(NamedTuple):
    """The sizes that bound a plan, in tokens (``slots``: sequences)."""

    slots: int
    ctx_size: int
    batch_size: int
    max_outputs: int
    cache_size: int = 0
    """Bytes of host memory for states of slots."""


class Plan(NamedTuple):
    """One batch: each chunk with the sequence it belongs to, by slot; and who got a slot for it.

    ``prefill_tokens`` are those of prompts, ``decoding`` says whether there are others.
    """

    sequences: list[Sequence]
    chunks: list[Chunk]
    started: list[Sequence]
    prefill_tokens: int
    decoding: bool


class _Slot:
    __slots__ = ("index", "last_used", "resident", "sequence")

    def __init__(self, index: int) -> None:
        self.index = index
        self.sequence: Sequence | None = None
        self.resident: list[int] = []
        """The tokens that the memory holds while no sequence runs here."""
        self.last_used = 0
        """When a sequence ended here last, in ends of sequences."""


class Scheduler:
    """The queue and the slots."""

    def __init__(
        self, limits: Limits, memory: Memory, speculation: Speculation | None = None
    ) -> None:
        """``speculation`` guesses tokens, where the memory can forget wrong ones."""
        self._limits = limits
        self._speculation = speculation
        self._memory = memory
        self._slots = [_Slot(index) for index in range(limits.slots)]
        self._waiting = WaitingLine()
        self._clock = itertools.count(1)
        self._turns = itertools.count()
        self._states = StateCache(limits.cache_size, whole=memory.whole)

    @property
    def idle(self) -> bool:
        """Nothing runs and nothing waits."""
        return not self._waiting and not any(slot.sequence for slot in self._slots)

    @property
    def waiting(self) -> int:
        """Sequences without a slot."""
        return len(self._waiting)

    def running(self) -> Iterator[Sequence]:
        """The sequences that hold a slot, by slot."""
        return (slot.sequence for slot in self._slots if slot.sequence is not None)

    def add(self, request: Request) -> None:
        """Queue a request. Its further choices follow once the first has read the prompt."""
        first, *others = request.sequences()
        if len(request.prompt) > 1:
            request.followers = others
            self._waiting.add(first)
        else:
            for sequence in (first, *others):
                self._waiting.add(sequence)

    def remove(self, request: Request) -> None:
        """Drop a request, wherever it stands."""
        self._waiting.remove(request)
        for sequence in list(self.running()):
            if sequence.request is request:
                self.release(sequence)

    def release(self, sequence: Sequence) -> None:
        """Take back the slot of a sequence that ended; what it read stays for a prompt like it."""
        slot = self._slots[sequence.slot]
        slot.sequence = None
        slot.resident = sequence.tokens[: sequence.position]
        slot.last_used = next(self._clock)
        sequence.slot = -1

    def forget(self) -> None:
        """Clear the memory of every slot that no sequence holds."""
        for slot in self._slots:
            if slot.sequence is None:
                slot.resident = []
                self._memory.keep(slot.index, 0)

    def plan(self, prefill_budget: int) -> Plan | None:
        """The next batch, None when there is nothing to do.

        ``prefill_budget`` bounds what is read beside sequences that decode: prompts, and tokens
        that grammars force on others.
        """
        started = self._admit()
        running = list(self.running())
        if not running:
            return None
        decoding = [each for each in running if _decodes(each)]
        most = self._limits.batch_size
        paced = len(decoding) + prefill_budget
        free_text = any(each.guide is None for each in decoding)
        counts = self._share_decoding(decoding, min(most, paced) if free_text else most)
        decoded = sum(counts)
        budget = max(0, (min(most, paced) if decoding else most) - decoded)
        reading = [each for each in running if not _decodes(each)]
        self._share_prefill(reading, budget, most - decoded, counts)
        if not reading:
            self._speculate(decoding, decoded)
        sequences = [each for each in running if counts[each.slot]]
        chunks = [_chunk(each, counts[each.slot]) for each in sequences]
        return Plan(sequences, chunks, started, sum(counts) - decoded, bool(decoding))

    def applied(self, plan: Plan) -> None:
        """Note that a plan has run: its tokens are read."""
        for sequence, chunk in zip(plan.sequences, plan.chunks, strict=True):
            sequence.position += len(chunk.tokens) - len(sequence.draft) - sequence.filler
            if sequence.checkpoint == sequence.position:
                self._save(sequence.slot, sequence.tokens[: sequence.position])
            if sequence.request.followers:
                self._branch(sequence)

    def settle(self, rows: Rows) -> None:
        """Forget what a draft has put into the memory and did not come true."""
        if rows.right == rows.read:
            return
        length = rows.base + rows.right
        kept = self._memory.keep(rows.slot, length)
        if kept < length:  # then it is read again
            if rows.sequence.slot >= 0:
                rows.sequence.position = kept
            else:
                self._slots[rows.slot].resident = rows.sequence.tokens[:kept]

    def _speculate(self, decoding: list[Sequence], decoded: int) -> None:
        """Have tokens guessed where each sequence decodes one. Not while one reads the end of its
        prompt: it may leave a state there, or end with it, and neither must hold guessed tokens."""
        if self._speculation is None or decoded != len(decoding):
            return
        if any(each.first_token is None for each in decoding):
            return
        room = self._limits.ctx_size - max(len(each.tokens) for each in decoding)
        rows = min(self._limits.batch_size, self._limits.max_outputs)
        self._speculation.prepare(decoding, min(rows // decoded, room))

    def _branch(self, sequence: Sequence) -> None:
        """Let the further choices start once all but the last token of their prompt is read."""
        request = sequence.request
        if sequence.position == len(request.prompt) - 1:
            request.shared = self._memory.save(sequence.slot)
            self._waiting.put_first(request.followers)
            request.followers = []

    def _share_decoding(self, decoding: list[Sequence], most: int) -> list[int]:
        """One token for each slot that decodes, and more where further ones are settled, which
        those whose text is free should not have to wait for."""
        counts = [0] * self._limits.slots
        spare = most - len(decoding)
        for sequence in sorted(decoding, key=_arrival):
            more = min(sequence.unread - 1, spare)
            spare -= more
            counts[sequence.slot] = 1 + more
        return counts

    def _share_prefill(
        self, reading: list[Sequence], budget: int, room: int, counts: list[int]
    ) -> None:
        """Give out the budget, to one prompt rather than to several: llama.cpp takes a pass for
        each other length. A prompt that would be through with half as much again gets that, too,
        as far as there is ``room`` in the batch, lest its last tokens take a step of their own."""
        outputs = self._limits.max_outputs - len(reading) - sum(map(bool, counts))
        spare = min(budget // 2, room - budget)
        for sequence in self._in_turn(reading):
            want = self._wanted(sequence)
            if _echoes(sequence):
                want = min(want, max(0, outputs))
            count = min(want, budget)
            if count and want - count <= spare:
                spare -= want - count
                count = want
            if _echoes(sequence):
                outputs -= count
            budget = max(0, budget - count)
            counts[sequence.slot] = count

    def _in_turn(self, reading: list[Sequence]) -> list[Sequence]:
        """Those that have the least to read first, so that short prompts pass long ones; now and
        then before them whoever waits for longest, so that nobody starves."""
        ordered = sorted(reading, key=_left_to_read)
        if reading and next(self._turns) % _OLDEST == 0:
            oldest = min(reading, key=_arrival)
            ordered.remove(oldest)
            ordered.insert(0, oldest)
        return ordered

    def _wanted(self, sequence: Sequence) -> int:
        """How much a sequence may read at once: to the end, or to where others start from."""
        want = sequence.unread
        if sequence.checkpoint > sequence.position:
            want = min(want, sequence.checkpoint - sequence.position)
        if sequence.request.followers:
            want = min(want, len(sequence.request.prompt) - 1 - sequence.position)
        return want

    def _admit(self) -> list[Sequence]:
        """Give free slots to those who wait. Returns the sequences that start.

        The client with the fewest slots comes first, and of its requests the oldest. Who would read
        what another one is reading already waits for that; who comes after does not.
        """
        started: list[Sequence] = []
        if not self._waiting:
            return started
        free = [slot for slot in self._slots if slot.sequence is None]
        held = Counter(each.request.client for each in self.running())
        later: list[Waiter] = []
        while free and len(later) < _MOST_LATER:
            entry = self._waiting.pop(held)
            if entry is None:
                break
            sequence = entry.sequence
            if self._is_being_read(sequence, free):
                later.append(entry)
                continue
            self._place(sequence, free)
            started.append(sequence)
            held[sequence.request.client] += 1
            free = [slot for slot in free if slot.sequence is None]
        self._waiting.put_back(later)
        return started

    def _is_being_read(self, sequence: Sequence, free: list[_Slot]) -> bool:
        """Whether a sequence that runs is about to read much of this one's prompt. If so, it will
        leave a state there."""
        reader = sequence.behind
        if reader is not None and reader.slot >= 0 and reader.position < reader.checkpoint:
            return True  # as was found before
        sequence.behind = self._reader_before(sequence, free)
        return sequence.behind is not None

    def _reader_before(self, sequence: Sequence, free: list[_Slot]) -> Sequence | None:
        """Who is about to read what this one begins with, and much of it."""
        if not self._limits.cache_size or not self._may_reuse(sequence):
            return None
        prompt = sequence.request.prompt
        readers = [each for each in self.running() if each.position < len(each.request.prompt)]
        most = len(prompt) - 1
        shared = {id(each): common_length(each.request.prompt, prompt, most) for each in readers}
        reader = max(readers, key=lambda each: shared[id(each)], default=None)
        if reader is None or shared[id(reader)] <= reader.position:
            return None
        common = shared[id(reader)]
        found = self._states.find(prompt, most)
        there = max(self._reusable(slot, prompt, most) for slot in free)
        if common - max(there, 0 if found is None else found[0]) < _MANY:
            return None
        if not reader.position < reader.checkpoint <= common:
            reader.checkpoint = common
        return reader if reader.checkpoint >= _MANY else None

    def _may_reuse(self, sequence: Sequence) -> bool:
        """Whether what was read before may stand for a part of its prompt."""
        request = sequence.request
        return request.decoding.prompt_logprobs is None and request.shared is None

    def _prepare(self, free: list[_Slot], prompt: list[int], reusable: int) -> tuple[_Slot, int]:
        """A slot for a prompt, and how many of its tokens the slot remembers.

        A conversation goes on in its own slot. One that only begins like another takes a copy of
        that beginning, from a slot or from the saved states, to an empty slot or to the one unused
        for longest. What a slot loses by this is saved.
        """
        shared = {slot.index: self._reusable(slot, prompt, reusable) for slot in free}
        source = max(free, key=lambda slot: shared[slot.index])
        common = shared[source.index]
        spare = min(free, key=lambda slot: (bool(slot.resident), slot.last_used, slot.index))
        found = self._states.find(prompt, reusable)
        if found is not None and found[0] >= max(_FEW, common + 1):
            self._evict(spare)
            return spare, self._restore(spare, found[1].state, found[0])
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

    def _borrow(self, prompt: list[int], most: int, free: list[_Slot]) -> None:
        """Save what a running sequence has read, where a prompt begins with much of that."""
        if not self._limits.cache_size or self._memory.whole:
            return
        lender = max(self.running(), key=lambda each: _shares(each, prompt, most), default=None)
        if lender is None:
            return
        found = self._states.find(prompt, most)
        there = max(self._reusable(slot, prompt, most) for slot in free)
        if _shares(lender, prompt, most) - max(there, found[0] if found else 0) >= _MANY:
            self._save(lender.slot, lender.tokens[: lender.position])

    def _evict(self, slot: _Slot) -> None:
        """Save what a slot holds before it is lost."""
        if len(slot.resident) >= _MANY and not self._states.holds(slot.resident):
            self._save(slot.index, slot.resident)

    def _save(self, slot: int, tokens: list[int]) -> None:
        if self._limits.cache_size:
            self._states.put(list(tokens), self._memory.save(slot))

    def _restore(self, slot: _Slot, state: bytearray, length: int) -> int:
        """Put a saved state of ``length`` tokens into a slot; returns how many are there."""
        try:
            self._memory.load(slot.index, state)
        except DecodeError:  # then they are read again
            return self._memory.keep(slot.index, 0)
        return self._memory.keep(slot.index, length)

    def _reusable(self, slot: _Slot, prompt: list[int], most: int) -> int:
        """How many tokens of a prompt a slot can give, 0 for a few that are not worth it."""
        common = common_length(slot.resident, prompt, most)
        if common < _FEW or not self._memory.can_keep(slot.index, common):
            return 0
        return common

    def _place(self, sequence: Sequence, free: list[_Slot]) -> None:
        """Put a sequence into a free slot."""
        request = sequence.request
        reusable = len(request.prompt) - 1 if self._may_reuse(sequence) else 0
        if reusable:
            self._borrow(request.prompt, reusable, free)
        slot, kept = self._prepare(free, request.prompt, reusable)
        if request.shared is not None and sequence.choice > 0:
            kept = self._restore(slot, request.shared, len(request.prompt) - 1)
        slot.sequence = sequence
        slot.resident = []
        sequence.slot = slot.index
        sequence.behind = None
        sequence.position = sequence.cached = kept
        most = request.decoding.max_tokens
        room = self._limits.ctx_size - len(request.prompt)
        sequence.limit = len(request.prompt) + (room if most is None else min(most, room))
        del sequence.tokens[sequence.limit :]
        if self._limits.cache_size and reusable and self._memory.whole:
            # A state cannot be cut here: leave one where this prompt parts from an earlier one.
            parting = min(self._states.seen(request.prompt), reusable)
            sequence.checkpoint = parting if parting >= kept + _MANY else 0
        if request.followers:
            self._branch(sequence)


def _decodes(sequence: Sequence) -> bool:
    """Whether it takes its token a step, and does not count as prefill."""
    return sequence.prompt_is_read or sequence.unread == 1


def _shares(sequence: Sequence, prompt: list[int], most: int) -> int:
    """How many tokens of a prompt a sequence has read."""
    return min(sequence.position, common_length(sequence.tokens, prompt, most))


def _left_to_read(sequence: Sequence) -> tuple[int, float, int]:
    return (sequence.unread, *_arrival(sequence))


def _echoes(sequence: Sequence) -> bool:
    """Whether each token of its prompt takes a row of logits."""
    return sequence.request.decoding.prompt_logprobs is not None and sequence.choice == 0


def _arrival(sequence: Sequence) -> tuple[float, int]:
    return sequence.request.submitted, sequence.choice


def _chunk(sequence: Sequence, count: int) -> Chunk:
    start = sequence.position
    tokens = sequence.tokens[start : start + count]
    outputs = int(start + count == len(sequence.tokens))
    if _echoes(sequence) and start < len(sequence.request.prompt):
        outputs = count
    if sequence.draft or sequence.filler:
        tokens += sequence.draft + sequence.tokens[-1:] * sequence.filler
        outputs += len(sequence.draft) + sequence.filler
    return Chunk(sequence.slot, start, tokens, outputs)
