"""What an engine has before it: whether there is room for one more request, and when there will be.

All of this is an estimate of the server's; the worker alone decides who gets a slot.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from colonnade.messages import Failure, FailureKind, MediaPart, TextPart, Tier, TokenPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from colonnade.messages import Decoding, Finish, PromptPart, Urgency

_SPARE = 8
"""The queue is longer by one part in so many for those of whom nobody waits."""

_GENERATED = 4.0
"""Work of a generated token, that of a prompt's being 1."""

_UNKNOWN = 256.0
"""Tokens of an answer, before any has come to its end."""

_NEWEST = 0.2
"""Weight of the newest answer in the mean length of such answers."""

_MEMORY = 20.0
"""Seconds in which what was served counts for less and less."""

_FRESH = 0.1
"""Seconds for which an estimate holds."""

_CHARACTER, _ID = 6, 16
"""Bytes that a character and a token's id of a prompt take until it has a slot, about, in both
processes."""

_FILE = 3
"""Bytes that one of a picture or a sound takes: in the message, on its way, and in the worker."""


class Bounds(NamedTuple):
    """What requests may take of an engine. 0 seconds are no bound."""

    queue_size: int = 64
    """Requests that wait for a slot; see ``Backlog``."""
    queue_memory: int = 512 << 20
    """Bytes of those."""
    queue_seconds: float = 0.0
    """How long one may wait for a slot."""
    request_seconds: float = 0.0
    """How long one may take, waiting included."""


def size_of(parts: Iterable[PromptPart]) -> int:
    """Bytes that parts of a prompt take until it has a slot, about."""
    size = 0
    for part in parts:
        match part:
            case TextPart(text):
                size += len(text) * _CHARACTER
            case MediaPart(_, data):
                size += len(data) * _FILE
            case TokenPart(numbers):
                size += len(numbers) * _ID
    return size


@dataclass(slots=True)
class Entry:
    """A request under way."""

    client: str
    tier: Tier
    size: int
    """Bytes that it takes while it waits, about."""
    choices: int
    """Those that have not ended."""
    most: int | None
    """Tokens that each may have."""
    joining: bool = False
    """A further part of another one, which counts in no number of requests."""
    started: bool = False
    prompt_tokens: int = 0
    read: bool = False
    """Its prompt is read."""
    generated: int = 0

    @classmethod
    def of(
        cls,
        prompt: tuple[PromptPart, ...],
        decoding: Decoding,
        client: str,
        urgency: Urgency,
        *,
        joining: bool = False,
    ) -> Entry:
        """A request as it comes."""
        texts = len(decoding.prediction) + len(decoding.begun)
        if decoding.constraint is not None:
            texts += len(decoding.constraint.grammar)
        ids = len(decoding.sampling.logit_bias) * 8 + len(decoding.allowed_tokens or ())
        size = texts * _CHARACTER + ids * _ID + size_of(prompt)
        most = decoding.max_tokens
        return cls(client, urgency.tier, size, decoding.n, most, joining)


class _Rate:
    """Work a second, of late."""

    def __init__(self) -> None:
        self._work = self._seconds = 0.0

    def add(self, work: float, seconds: float) -> None:
        """Note what was served in the last so many seconds."""
        kept = math.exp(-seconds / _MEMORY)
        self._work = self._work * kept + work
        self._seconds = self._seconds * kept + seconds

    @property
    def value(self) -> float:
        """0 where nothing is known."""
        return self._work / self._seconds if self._seconds else 0.0


class _Lengths:
    """How long answers become, by the tokens that they may have: as powers of two."""

    def __init__(self) -> None:
        self._means: dict[int, float] = {}

    def note(self, most: int | None, tokens: int) -> None:
        """Note the length of an answer."""
        kind = _kind(most)
        mean = self._means.get(kind, float(tokens))
        self._means[kind] = mean + _NEWEST * (tokens - mean)

    def expected(self, most: int | None) -> float:
        """Tokens that such an answer will have."""
        mean = self._means.get(_kind(most), _UNKNOWN)
        return mean if most is None else min(mean, most)


def _kind(most: int | None) -> int:
    return -1 if most is None else most.bit_length()


class Backlog:
    """The requests of an engine that wait and run, by number.

    A request is refused where as many as ``size`` wait that come before it: of its tier, or of a
    more urgent one, beyond those for whom a slot is free. Somebody of whom nobody waits finds a
    little more room, so that none fills the queue for all. ``memory`` bounds the bytes of those
    that wait, but for one.
    """

    def __init__(self, slots: int, size: int, memory: int) -> None:
        self.slots = slots
        """Requests that run side by side."""
        self._size = size
        self._memory = memory
        self._entries: dict[int, Entry] = {}
        self._waiting: Counter[Tier] = Counter()
        """How many wait in each tier; parts of others aside, as in the next two."""
        self._waiting_of: Counter[str] = Counter()
        self._running = 0
        self._busy = 0
        """Choices of requests that have started which have not ended."""
        self.waiting_size = 0
        """Bytes of those that wait, about."""
        self._all, self._full = _Rate(), _Rate()
        """Work a second: at any time, and with all slots taken."""
        self._lengths = _Lengths()
        self._last = 0.0
        """When something was served last, or began to be."""
        self._estimate, self._estimated = 0.0, -math.inf

    @property
    def waiting(self) -> int:
        """Requests that have no slot yet. One of several prompts counts once."""
        return self._waiting.total()

    def check(self, client: str, tier: Tier, size: int = 0) -> None:
        """Refuse a request for which there is no room.

        Raises:
            Failure: queue_full, with the time after which what is there now will be done.
        """
        before = sum(count for each, count in self._waiting.items() if each <= tier)
        most = self._size + self._free
        if not self._waiting_of[client]:
            most += self._size // _SPARE
        if before >= most:
            starting = min(self._free, self.waiting)
            running, waiting = self._running + starting, self.waiting - starting
            msg = f"The server is busy: {running} requests run, {waiting} wait."
            raise Failure(FailureKind.QUEUE_FULL, msg, retry_after=self.seconds)
        if self.waiting_size and self.waiting_size + size > self._memory:
            msg = "The server is busy: the requests that wait take as much memory as they may."
            raise Failure(FailureKind.QUEUE_FULL, msg, retry_after=self.seconds)

    @property
    def _free(self) -> int:
        return max(0, self.slots - self._busy)

    @property
    def seconds(self) -> float:
        """How long it takes to serve what is there, about; at least one."""
        now = time.monotonic()
        if now - self._estimated > _FRESH:
            rate = self._full.value or self._all.value
            work = sum(map(self._left, self._entries.values()))
            self._estimate = max(1.0, work / rate) if rate else 1.0
            self._estimated = now
        return self._estimate

    def _left(self, entry: Entry) -> float:
        """The work that a request still makes."""
        expected = entry.choices * max(1.0, self._lengths.expected(entry.most))
        answers = max(float(entry.choices), expected - entry.generated)
        return answers * _GENERATED + (0 if entry.read else entry.prompt_tokens)

    def add(self, number: int, entry: Entry) -> None:
        """Let a request wait."""
        if not self._entries:
            self._last = time.monotonic()
        self._entries[number] = entry
        self._count(entry, 1)

    def accepted(self, number: int, prompt_tokens: int) -> None:
        """Note the length of a request's prompt."""
        entry = self._entries.get(number)
        if entry is not None:
            entry.prompt_tokens = prompt_tokens

    def started(self, number: int) -> None:
        """Note that a request has a slot."""
        entry = self._entries.get(number)
        if entry is not None and not entry.started:
            self._count(entry, -1)
            entry.started = True
            self._count(entry, 1)

    def served(self, outputs: Sequence[tuple[int, int, Finish | None]]) -> None:
        """Note what a step has brought: for each output the request's number, the tokens, and the
        choice's end."""
        work = sum(self._served(*each) for each in outputs)
        now = time.monotonic()
        seconds, self._last = now - self._last, now
        self._all.add(work, seconds)
        if not self._free:
            self._full.add(work, seconds)

    def _served(self, number: int, tokens: int, finish: Finish | None) -> float:
        entry = self._entries.get(number)
        if entry is None:
            return 0.0
        work = tokens * _GENERATED
        if not entry.read:
            entry.read = True
            work += entry.prompt_tokens
        entry.generated += tokens
        if finish is not None:
            self._lengths.note(entry.most, finish.completion_tokens)
            entry.generated = max(0, entry.generated - finish.completion_tokens)
            entry.choices -= 1
            self._busy -= entry.started
        return work

    def remove(self, number: int) -> None:
        """Forget a request."""
        entry = self._entries.pop(number, None)
        if entry is not None:
            self._count(entry, -1)

    def _count(self, entry: Entry, sign: int) -> None:
        """Count a request in, or out."""
        counts = 0 if entry.joining else sign
        if entry.started:
            self._busy += sign * entry.choices
            self._running += counts
            return
        self.waiting_size += sign * entry.size
        self._waiting[entry.tier] += counts
        self._waiting_of[entry.client] += counts
        if not self._waiting_of[entry.client]:
            del self._waiting_of[entry.client]
