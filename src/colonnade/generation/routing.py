"""Which of several engines a prompt goes to: the one that has answered it soonest, as far as one
can tell from what each has read before and what it has to do.

Pure: no input or output, and no clock of its own. Members may be engines of this server or other
machines; all that is known of one is in ``Member``.

A prompt is told by digests of its beginnings, one for each block of bytes, each of them made from
the one before. So whoever has read a prompt has read whatever has one of its digests, and to find
the longest beginning that somebody has read takes one walk along the prompt.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BLOCK = 256
"""Bytes: some sixty tokens, which are worth as much as it takes to look for them."""

MOST_BLOCKS = 2048
"""Of one prompt. What goes on alike for half a megabyte is taken for the same: digests of all of it
would take the event loop too long."""

MOST_DIGESTS = 65_536
"""That are remembered: some 20 MB, for 16 MB of prompts that have nothing in common."""

_AVOIDED = 1.0
"""Seconds for which one that has refused a request is asked last."""

_CROWDING = 0.5
"""By how much longer an answer takes beside others, with all slots but its own taken."""

_RATE = 4000.0
"""Bytes of prompts that are read in a second, where it is not known."""

_TURN = 2.0
"""Seconds that a request has a slot, where it is not known."""


class Chain:
    """The digests of a prompt's beginnings, and of what is written behind it."""

    __slots__ = ("_last", "_rest", "digests", "size")

    def __init__(self, *key: str) -> None:
        """``key``: what else has to be the same, such as the model and its adapters."""
        hasher = hashlib.blake2b(digest_size=16)
        for each in key:
            text = each.encode("utf-8", "surrogatepass")
            hasher.update(len(text).to_bytes(8, "little") + text)
        self._last = hasher.digest()
        self._rest = b""
        self.digests: list[bytes] = []
        """One for each whole block, as far as they are told apart."""
        self.size = 0
        """Bytes of all that was added."""

    def add(self, data: bytes) -> None:
        """Go on with these bytes."""
        self.size += len(data)
        if len(self.digests) >= MOST_BLOCKS:
            return
        data = self._rest + data
        end = min(len(data) // BLOCK, MOST_BLOCKS - len(self.digests)) * BLOCK
        for start in range(0, end, BLOCK):
            block = data[start : start + BLOCK]
            self._last = hashlib.blake2b(self._last + block, digest_size=16).digest()
            self.digests.append(self._last)
        self._rest = data[end : end + BLOCK]


class Member(NamedTuple):
    """An engine as it stands."""

    id: str
    slots: int
    running: int
    """Requests that have a slot."""
    waiting: int
    """Requests that have none yet."""
    rate: float = 0.0
    """Bytes of prompts that it reads in a second; 0 where that is not known."""
    turn: float = 0.0
    """Seconds that a request has a slot; 0 where that is not known."""


class Choice(NamedTuple):
    """A member that may take a prompt."""

    id: str
    known: int
    """Bytes of the prompt's beginning that it has read before."""
    seconds: float
    """From now to the answer's beginning, and what others cost the answer: an estimate."""


class Routes:
    """Who has read the beginning of what. What was used last is remembered."""

    def __init__(self, most: int = MOST_DIGESTS) -> None:
        """``most``: digests that are remembered."""
        self._most = most
        self._readers: OrderedDict[bytes, dict[str, int]] = OrderedDict()
        """Who has read up to a digest, and when, in notes; the one used last at the end."""
        self._notes = 0
        self._forgotten: dict[str, int] = {}
        """When a member has lost all that it had read, in notes."""
        self._avoided: dict[str, float] = {}
        """Until when those that have refused are asked last."""

    def __len__(self) -> int:
        """Number of digests that are remembered."""
        return len(self._readers)

    def rank(self, chain: Chain, members: Sequence[Member], now: float) -> list[Choice]:
        """The members, the best one first. ``now``: seconds of any clock that goes on."""
        known = self._known(chain, [member.id for member in members])
        choices = [
            Choice(member.id, known[member.id], _seconds(member, chain.size - known[member.id]))
            for member in members
        ]
        return sorted(choices, key=lambda each: (self._is_avoided(each.id, now), each.seconds))

    def note(self, chain: Chain, member: str) -> None:
        """A member reads this, or has written the end of it."""
        self._notes += 1
        readers = self._readers
        for digest in reversed(chain.digests):  # beginnings are used last, and stay longest
            who = readers.setdefault(digest, {})
            who[member] = self._notes
            readers.move_to_end(digest)
        while len(readers) > self._most:
            readers.popitem(last=False)

    def forget(self, member: str) -> None:
        """A member has lost what it had read."""
        self._notes += 1
        self._forgotten[member] = self._notes

    def refused(self, member: str, now: float) -> None:
        """A member has refused a request: it is asked last for a while."""
        self._avoided[member] = now + _AVOIDED

    def _known(self, chain: Chain, members: Iterable[str]) -> dict[str, int]:
        """Bytes of a prompt's beginning that each of the members has read."""
        known = dict.fromkeys(members, 0)
        reading = set(known)
        for number, digest in enumerate(chain.digests, 1):
            who = self._readers.get(digest)
            if who is None or not reading:
                break
            reading = {each for each in reading if who.get(each, 0) > self._lost(each)}
            for each in reading:
                known[each] = number * BLOCK
        return known

    def _lost(self, member: str) -> int:
        return self._forgotten.get(member, 0)

    def _is_avoided(self, member: str, now: float) -> bool:
        return self._avoided.get(member, now) > now


def _seconds(member: Member, unread: int) -> float:
    """How long a prompt of which so many bytes are unread waits for its answer there, and how much
    longer that takes beside others."""
    turn = member.turn or _TURN
    before = max(0, member.running + member.waiting + 1 - member.slots)
    wait = before * turn / member.slots
    crowding = _CROWDING * turn * min(member.running + member.waiting, member.slots) / member.slots
    return wait + crowding + unread / (member.rate or _RATE)
