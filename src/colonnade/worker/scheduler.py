"""Decides what goes into the next batch. Knows sequences and slots, no library and no clock.

A sequence holds a slot while it runs. Slots go to the more urgent, then to the client that has been
served the least, and each client's requests get theirs first in, first out. Every step carries
one token of each sequence that decodes, and beside them as much prefill as the budget allows, so
that a long prompt delays the others by one bounded step at a time. What is computed with other
adapters takes steps of its own, turn by turn.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from colonnade.messages import Failure
from colonnade.worker.adapter_turns import TURN, AdapterTurns
from colonnade.worker.classes import WaitingClasses
from colonnade.worker.ports import Chunk
from colonnade.worker.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from colonnade.messages import AdapterSet, Urgency
    from colonnade.worker.ports import Memory
    from colonnade.worker.rows import Rows
    from colonnade.worker.sequence import Request, Sequence
    from colonnade.worker.spans import Span
    from colonnade.worker.speculation import Speculation
    from colonnade.worker.states import Offer, StateCache
    from colonnade.worker.waiting import Waiter


_OLDEST = 4
"""In every so manieth step prefill goes first to the prompt that waits for longest."""

_MOST_LATER = 16
"""Sequences that are looked at in a step and left waiting: their number must not cost time."""


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

    ``prefill_tokens`` are those of prompts, ``decoding`` says whether there are others. ``width``
    is the number of tokens of each chunk, where all have as many with a row of logits for each of
    them, or else 0.
    """

    sequences: list[Sequence]
    chunks: list[Chunk]
    started: list[Sequence]
    prefill_tokens: int
    decoding: bool
    width: int = 0
    adapters: AdapterSet = ()
    """Of all of its sequences."""

    @property
    def rows(self) -> int:
        """Rows of logits of a step that only draws; 0 for another one."""
        return sum([chunk.outputs for chunk in self.chunks]) if self.width else 0


def quiet(_: Request) -> None:
    """Tell nobody."""


class Scheduler:
    """The queue and the slots."""

    def __init__(
        self,
        limits: Limits,
        memory: Memory,
        speculation: Speculation | None = None,
        *,
        tell: Callable[[Request], None] = quiet,
    ) -> None:
        """``speculation`` guesses tokens, where the memory can forget wrong ones. ``tell`` is told
        of each request that is about to begin."""
        self.limits = limits
        self._speculation = speculation
        self._slots = Slots(limits.slots, limits.ctx_size, limits.cache_size, memory)
        self._waiting = WaitingClasses()
        self._turns = itertools.count()
        self._sets = AdapterTurns(TURN)
        self._tell = tell
        self._started: list[Sequence] = []
        """Those that have got a slot, and have been in no plan yet."""
        self.failed: list[tuple[Request, Failure]] = []
        """Requests that could not begin and were dropped; whoever answers them takes them out."""

    @property
    def idle(self) -> bool:
        """Nothing runs and nothing waits."""
        return not self._waiting and not self._slots.running

    @property
    def states(self) -> StateCache:
        """The states that are kept beside the slots."""
        return self._slots.states

    @property
    def running(self) -> list[Sequence]:
        """The sequences that hold a slot, by slot. A change makes a new list."""
        return self._slots.running

    def offers(self) -> Iterator[Offer]:
        """Offer all states that are kept, and those of the slots that no sequence holds."""
        return self._slots.offers()

    def add(self, request: Request) -> None:
        """Queue a request. Its further choices follow once the first has read the prompt."""
        self._charge()
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
        for sequence in self.running:
            if sequence.request is request:
                self.release(sequence)

    def release(self, sequence: Sequence) -> None:
        """Take back the slot of a sequence that ended."""
        self._slots.release(sequence)
        self._waiting.ended(sequence)

    def settle(self, rows: Rows) -> None:
        """Forget what a draft has put into the memory and did not come true."""
        self._slots.settle(rows)

    def forget(self) -> None:
        """Clear the memory of every slot that no sequence holds."""
        self._slots.forget()

    def plan(self, prefill_budget: int) -> Plan | None:
        """The next batch, None when there is nothing to read.

        ``prefill_budget`` bounds what is read beside sequences that decode: prompts, and tokens
        that grammars force on others.
        """
        self._started += self.admit()
        running = self._sets.choose(self.running)
        if not running:
            return None
        started, self._started = self._started, []
        if all(each.unread == 1 for each in running):
            plan = self._plan_decode(running, started)
        else:
            plan = self._plan_mixed(running, started, prefill_budget)
        return plan._replace(adapters=self._sets.current)

    @property
    def delays_others(self) -> bool:
        """Whether sequences of other adapters than the step's wait for it to take their tokens."""
        current = self._sets.current
        return any(each.request.adapters != current and _decodes(each) for each in self.running)

    def _plan_decode(self, running: list[Sequence], started: list[Sequence]) -> Plan:
        """A step in which each sequence reads its last token, and perhaps guessed ones."""
        width = self._speculate(running)
        if width == 1:
            chunks = [Chunk(each.slot, each.position, each.tokens[-1:], 1) for each in running]
        else:
            chunks = [Chunk(each.slot, each.position, _ahead(each), width) for each in running]
        return Plan(running, chunks, started, 0, decoding=True, width=width)

    def _plan_mixed(
        self, running: list[Sequence], started: list[Sequence], prefill_budget: int
    ) -> Plan:
        """A step in which some read more, because it is their prompt or because it is settled."""
        decoding = [each for each in running if _decodes(each)]
        most = self.limits.batch_size
        paced = len(decoding) + prefill_budget
        free_text = any(each.guide is None for each in decoding)
        counts = self._share_decoding(decoding, min(most, paced) if free_text else most)
        decoded = sum(counts)
        hurried = bool(decoding) or self.delays_others
        budget = max(0, (min(most, paced) if hurried else most) - decoded)
        reading = [each for each in running if not _decodes(each)]
        room = most - decoded
        if decoding:
            budget = min(self._for_many(reading, len(decoding), budget), room)
        self._share_prefill(reading, budget, room, counts)
        sequences = [each for each in running if counts[each.slot]]
        chunks = [_chunk(each, counts[each.slot]) for each in sequences]
        return Plan(sequences, chunks, started, sum(counts) - decoded, bool(decoding))

    def applied(self, plan: Plan, seconds: float = 0.0) -> None:
        """Note that a plan has run, in so many seconds: its tokens are read."""
        self._sets.took(seconds)
        for sequence, chunk in zip(plan.sequences, plan.chunks, strict=True):
            sequence.position += len(chunk.tokens) - chunk.filler
            if chunk.span is not None and chunk.span.end == sequence.position:
                self._pass(sequence, chunk.span)
            if chunk.filler:
                self._slots.cut(sequence)
            if sequence.draft is not None:
                sequence.position -= sequence.draft.read
            if sequence.checkpoint == sequence.position:
                self._slots.save(sequence)
            if sequence.request.followers:
                self._branch(sequence)

    def _pass(self, sequence: Sequence, span: Span) -> None:
        """Note that a picture is read; its embeddings are needed no longer, unless other choices
        may have to read it, too."""
        del sequence.media[0]
        if sequence.request.decoding.n == 1:
            span.rows = None

    def _speculate(self, decoding: list[Sequence]) -> int:
        """Have tokens guessed where each sequence decodes one; how many each of them reads then.
        Not while one reads the end of its prompt: it may leave a state there, or end with it, and
        neither must hold guessed tokens. Nor while one shows its log probabilities, which other
        numbers of rows would round otherwise, the next time that it is asked for."""
        if self._speculation is None or not self._speculation.hopeful:
            return 1
        if any(each.first_token is None or each.shows_logprobs for each in decoding):
            return 1
        room = self.limits.ctx_size - max(len(each.tokens) for each in decoding)
        rows = min(self.limits.batch_size, self.limits.max_outputs)
        return self._speculation.prepare(decoding, min(rows // len(decoding), room))

    def _branch(self, sequence: Sequence) -> None:
        """Let the further choices start once all but the last token of their prompt is read."""
        request = sequence.request
        if sequence.position == len(request.prompt) - 1:
            self._slots.share(sequence)
            self._waiting.put_first(request.followers)
            request.followers = []

    def _share_decoding(self, decoding: list[Sequence], most: int) -> list[int]:
        """One token for each slot that decodes, and more where further ones are settled, which
        those whose text is free should not have to wait for."""
        counts = [0] * self.limits.slots
        spare = most - len(decoding)
        for sequence in sorted(decoding, key=_arrival):
            more = min(sequence.unread - 1, spare)
            spare -= more
            counts[sequence.slot] = 1 + more
        return counts

    def _for_many(self, reading: list[Sequence], decoding: int, budget: int) -> int:
        """A larger budget where it lets everybody through who reads, and they are more than those
        whom it delays: these wait once instead of in many steps."""
        wanted = sum(map(self.wanted, reading))
        return wanted if budget < wanted <= budget * len(reading) // decoding else budget

    def _share_prefill(
        self, reading: list[Sequence], budget: int, room: int, counts: list[int]
    ) -> None:
        """Give out the budget, to one prompt rather than to several: llama.cpp takes a pass for
        each other length. A prompt that would be through with half as much again gets that, too,
        as far as there is ``room`` in the batch, lest its last tokens take a step of their own."""
        outputs = self.limits.max_outputs - len(reading) - sum(map(bool, counts))
        spare = min(budget // 2, room - budget)
        for sequence in self.in_turn(reading):
            want = self.wanted(sequence)
            if echoes(sequence):
                want = min(want, max(0, outputs))
            count = min(want, budget)
            at_once = _at_once(sequence)
            if count and (want - count <= spare or at_once):
                spare -= want - count
                count = want
            if echoes(sequence):
                outputs -= count
            budget = max(0, budget - count)
            counts[sequence.slot] = count

    def in_turn(self, reading: list[Sequence]) -> list[Sequence]:
        """The most urgent first, and of them those that have the least to read, so that short
        prompts pass long ones; now and then before them whoever waits for longest, so that nobody
        starves."""
        ordered = sorted(reading, key=_left_to_read)
        if reading and next(self._turns) % _OLDEST == 0:
            oldest = min(reading, key=_arrival)
            ordered.remove(oldest)
            ordered.insert(0, oldest)
        return ordered

    def wanted(self, sequence: Sequence) -> int:
        """How much a sequence may read at once: to the end, or to where others start from.

        A prompt's last token, from whose row the first one is drawn, is read by itself: so it will
        be when the prompt comes again and the rest of it is there, or for further choices, and a
        row among many is rounded otherwise than one alone.
        """
        want = sequence.unread
        if sequence.checkpoint > sequence.position:
            want = min(want, sequence.checkpoint - sequence.position)
        before_last = len(sequence.request.prompt) - 1 - sequence.position
        return min(want, before_last, sequence.run) if before_last > 0 else want

    def admit(self) -> list[Sequence]:
        """Give free slots to those who wait. Returns the sequences that start.

        Of the most urgent, the client that has been served the least comes first, and of its
        requests the oldest. Who would read what another one is reading already waits for that; who
        comes after does not.
        """
        if not self._waiting or self._slots.full:
            return []
        self._charge()
        started: list[Sequence] = []
        held = Counter(each.request.client for each in self.running)
        later: list[Waiter] = []
        while not self._slots.full and len(later) < _MOST_LATER:
            entry = self._waiting.pop(held)
            if entry is None:
                break
            sequence = entry.sequence
            if self._slots.is_being_read(sequence):
                later.append(entry)
                continue
            if sequence.choice == 0:
                self._tell(sequence.request)
            try:
                self._slots.place(sequence)
            except Failure as failure:
                self._waiting.ended(sequence)
                self._give_up(sequence.request, failure)
                started = [each for each in started if each.slot >= 0]
                later = [each for each in later if each.sequence.request is not sequence.request]
                continue
            if sequence.request.followers:
                self._branch(sequence)
            self._waiting.started(sequence)
            started.append(sequence)
            held[sequence.request.client] += 1
        self._waiting.put_back(later)
        return started

    def _charge(self) -> None:
        """Settle what clients have been served, before it matters."""
        for sequence in self.running:
            self._waiting.charge(sequence)

    def _give_up(self, request: Request, failure: Failure) -> None:
        """Drop a request of which a choice cannot begin."""
        self.remove(request)
        self.failed.append((request, failure))


def _at_once(sequence: Sequence) -> bool:
    """Whether it reads a picture next that goes into one batch, however large."""
    media = sequence.media
    return bool(media) and media[0].start <= sequence.position and media[0].run.whole


def _decodes(sequence: Sequence) -> bool:
    """Whether it takes its token a step, and does not count as prefill."""
    return sequence.prompt_is_read or sequence.unread == 1


def _left_to_read(sequence: Sequence) -> tuple[Urgency, int, float, int]:
    return (sequence.request.urgency, sequence.unread, *_arrival(sequence))


def echoes(sequence: Sequence) -> bool:
    """Whether each token of its prompt takes a row of logits."""
    return sequence.request.decoding.prompt_logprobs is not None and sequence.choice == 0


def _arrival(sequence: Sequence) -> tuple[float, int]:
    return sequence.request.submitted, sequence.choice


def _ahead(sequence: Sequence) -> list[int]:
    """Its last token, and behind it what is guessed."""
    last, draft = sequence.tokens[-1:], sequence.draft
    return last if draft is None else [*last, *draft.tokens, *last * draft.filler]


def _chunk(sequence: Sequence, count: int) -> Chunk:
    start = sequence.position
    tokens = sequence.tokens[start : start + count]
    outputs = int(start + count == len(sequence.tokens))
    if echoes(sequence) and start < len(sequence.request.prompt):
        outputs = count
    span = sequence.media[0] if sequence.media and sequence.media[0].start <= start else None
    return Chunk(sequence.slot, start, tokens, outputs, span=span)
