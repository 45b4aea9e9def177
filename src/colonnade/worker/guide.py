"""What a sequence may say next: a thought, free text up to a trigger, then a grammar's text."""

from __future__ import annotations

import time
from collections import deque
from copy import copy
from enum import Enum, auto
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from colonnade.messages import Constraint, Thought
    from colonnade.worker.ports import Matcher, Pace


class _Phase(Enum):
    OPENING = auto()
    """At the beginning, where a thought may open."""
    THOUGHT = auto()
    WAITING = auto()
    """Free text, in which a trigger may appear."""
    HELD = auto()
    """In the hands of the grammar."""
    FREE = auto()


class _Tail:
    """The last bytes of a text, as many as a marker may reach back into."""

    __slots__ = ("_longest", "_markers", "_text")

    def __init__(self, markers: Sequence[bytes]) -> None:
        self._markers = tuple(markers)
        self._longest = max(map(len, self._markers))
        self._text = b""

    def push(self, text: bytes) -> tuple[bytes, bytes] | None:
        """Add text; returns the earliest marker that it completes and the text behind it."""
        whole = self._text + text
        found = [(at, marker) for marker in self._markers if (at := whole.find(marker)) >= 0]
        self._text = whole[-self._longest :]
        if not found:
            return None
        at, marker = min(found, key=lambda each: (each[0], -len(each[1])))
        return marker, whole[at + len(marker) :]


class Guide:
    """Follows one choice, and says which tokens may come next.

    The loop asks for ``mask`` before a draw, gives the drawn token to ``take``, and appends what
    comes back. ``spell`` gives a token's bytes in the text, ``tokens`` the tokens of a text, byte
    by byte what it says. With ``stepwise`` no tokens are appended without a draw: each gets its
    row of logits, for the log probabilities.
    """

    __slots__ = (
        "_begun",
        "_certain",
        "_constraint",
        "_ends",
        "_matcher",
        "_opening",
        "_phase",
        "_queue",
        "_spell",
        "_stepwise",
        "_tail",
        "_thought",
        "_thought_tokens",
        "_tokens",
        "_vocab_size",
        "forced",
    )

    def __init__(
        self,
        constraint: Constraint | None,
        matcher: Matcher | None,
        thought: Thought | None,
        *,
        spell: Callable[[int], bytes],
        tokens: Callable[[str], list[int]],
        ends: frozenset[int],
        vocab_size: int,
        stepwise: bool = False,
    ) -> None:
        self._constraint = constraint
        self._matcher = matcher
        self._thought = thought
        self._spell = spell
        self._tokens = tokens
        self._ends = ends
        self._vocab_size = vocab_size
        self._stepwise = stepwise
        self._queue: deque[int] = deque()
        """Tokens that are settled, each still to be drawn."""
        self.forced = 0
        """Tokens that were not drawn, or drawn where there was no other."""
        self._certain: list[int] | None = None
        self._thought_tokens = 0
        self._begun: list[int] = []
        """What was drawn while a thought may be opening."""
        self._opening: list[int] = []
        self._tail: _Tail | None = None
        self._phase = _Phase.FREE
        if thought is None:
            self._start_answer()
        elif thought.open:
            self._start_thought()
        else:
            self._phase = _Phase.OPENING
            self._opening = tokens(thought.opening)

    @property
    def owes(self) -> bool:
        """A grammar holds the text, or will before it may end: no stop string may cut it."""
        return self._held or self._at_once

    @property
    def done(self) -> bool:
        """Nothing can follow: the grammar's text is complete."""
        return self._held and not self._queue and self._matcher_now.complete

    def begin(self) -> list[int]:
        """The tokens that are certain before anything is drawn, found out by who asks first."""
        if self._certain is None:
            self._certain = self._first()
        return list(self._certain)

    def branch(self) -> Guide:
        """Another one at the same place."""
        made = copy(self)
        made._queue, made._begun = deque(self._queue), list(self._begun)  # noqa: SLF001
        made._tail = copy(self._tail)  # noqa: SLF001
        made._matcher = None if self._matcher is None else self._matcher.branch()  # noqa: SLF001
        return made

    def _first(self) -> list[int]:
        if self._phase is _Phase.THOUGHT and self._budget_is_spent:
            certain = self._end_thought()
        else:
            certain = self._force() if self._held else []
        if self._stepwise:
            self._put_off(certain)
            return []
        return certain

    @property
    def pace(self) -> Pace | None:
        """How long the grammar takes for the next mask; None where it is not asked."""
        if self._queue or not (self._held or (self._phase is _Phase.OPENING and self._at_once)):
            return None
        return self._matcher_now.pace

    def mask(self) -> NDArray[np.uint8] | None:
        """Which tokens may come next, (vocab_size): 0 for those that may not. None for no matter.

        Raises:
            Failure: the grammar is too complex at this place.
        """
        if self._queue:
            return self._only(self._queue[0])
        pace = self.pace
        if pace is None:
            return None
        began = time.thread_time()
        try:
            return self._matcher_now.mask() if self._held else self._opening_mask()
        finally:
            pace.note(time.thread_time() - began)

    def take(self, token: int) -> list[int]:
        """Note a drawn token; returns those to append: mostly the token itself and what it forces.

        A token that runs beyond a marker, into text that the grammar does not allow, is cut there.

        Raises:
            Failure: the grammar is too complex at this place.
        """
        if self._queue:
            self.forced += 1
            return [self._queue.popleft()]
        taken = self._follow(token)
        if self._stepwise:
            self._put_off(taken[1:])
            return taken[:1]
        return taken

    def _put_off(self, tokens: list[int]) -> None:
        """Let settled tokens be drawn one by one; they count as forced then."""
        self._queue.extend(tokens)
        self.forced -= len(tokens)

    def _only(self, token: int) -> NDArray[np.uint8]:
        """A mask for one token alone."""
        mask = np.zeros(self._vocab_size, dtype=np.uint8)
        mask[token] = 1
        return mask

    @property
    def _held(self) -> bool:
        return self._phase is _Phase.HELD

    @property
    def _at_once(self) -> bool:
        """The grammar holds for the whole answer."""
        return self._constraint is not None and not self._constraint.triggers

    @property
    def _matcher_now(self) -> Matcher:
        assert self._matcher is not None  # noqa: S101 - there is one wherever a grammar holds
        return self._matcher

    def _follow(self, token: int) -> list[int]:
        match self._phase:
            case _Phase.HELD:
                if token in self._ends:
                    return [token]
                self._matcher_now.consume([token])
                return [token, *self._force()]
            case _Phase.WAITING:
                return self._wait(token, self._spell(token))
            case _Phase.THOUGHT:
                return self._think(token)
            case _Phase.OPENING:
                return self._open(token)
            case _Phase.FREE:
                return [token]

    def _force(self) -> list[int]:
        """Take what the grammar leaves no choice in."""
        forced = self._matcher_now.forced()
        if forced:
            self._matcher_now.consume(forced)
            self.forced += len(forced)
        return forced

    def _start_answer(self) -> None:
        if self._constraint is None:
            self._phase = _Phase.FREE
        elif self._at_once:
            self._phase = _Phase.HELD
        else:
            self._phase = _Phase.WAITING
            self._tail = _Tail([trigger.encode() for trigger in self._constraint.triggers])

    def _start_thought(self) -> None:
        assert self._thought is not None  # noqa: S101 - asked where there is one
        self._phase = _Phase.THOUGHT
        self._tail = _Tail([self._thought.closing.encode()])

    def _wait(self, token: int, text: bytes) -> list[int]:
        """Look for a trigger in free text, ``text`` being what counts of the token."""
        assert self._tail is not None  # noqa: S101 - set with the phase
        found = self._tail.push(text)
        if found is None:
            return [token]
        trigger, behind = found
        matcher = self._matcher_now
        matcher.consume(self._tokens(trigger.decode()))
        self._phase = _Phase.HELD
        return [*self._cut(token, behind), *self._force()]

    def _cut(self, token: int, behind: bytes) -> list[int]:
        """A token with ``behind`` past the marker: as it is where the grammar goes along with that,
        and else without it."""
        if not behind:
            return [token]
        rest = self._matcher_now.tokens(behind)
        if self._matcher_now.accepts(rest):
            self._matcher_now.consume(rest)
            return [token]
        kept = self._spell(token).removesuffix(behind)
        return self._matcher_now.tokens(kept)

    def _think(self, token: int) -> list[int]:
        thought = self._thought
        assert thought is not None  # noqa: S101 - the phase says so
        assert self._tail is not None  # noqa: S101 - set with the phase
        if self._at_once and token in self._ends:
            return self._end_thought()  # the answer that was asked for is still to come
        self._thought_tokens += 1
        found = self._tail.push(self._spell(token))
        if found is not None:
            return self._answer(token, found[1])
        if thought.budget is not None and self._thought_tokens >= thought.budget:
            return [token, *self._end_thought()]
        return [token]

    def _end_thought(self) -> list[int]:
        """Close the thought for the model."""
        assert self._thought is not None  # noqa: S101 - the phase says so
        closing = self._tokens(self._thought.ending or self._thought.closing)
        self.forced += len(closing)
        self._start_answer()
        return [*closing, *(self._force() if self._held else [])]

    def _answer(self, token: int, behind: bytes) -> list[int]:
        """Go on behind a thought whose last token is this one."""
        self._start_answer()
        match self._phase:
            case _Phase.HELD:
                return [*self._cut(token, behind), *self._force()]
            case _Phase.WAITING:
                return self._wait(token, behind)
            case _:
                return [token]

    def _opening_mask(self) -> NDArray[np.uint8]:
        """The grammar's tokens, and the next one of the marker that opens a thought."""
        matcher = self._matcher_now
        if not self._begun:
            mask = matcher.mask()
        elif matcher.accepts(self._begun):
            branch = matcher.branch()
            branch.consume(self._begun)
            mask = branch.mask()
        else:
            return self._only(self._opening[len(self._begun)])
        mask = mask.copy()
        mask[self._opening[len(self._begun)]] = 1
        return mask

    def _open(self, token: int) -> list[int]:
        """Find out whether the first tokens open a thought."""
        if token == self._opening[len(self._begun)]:
            self._begun.append(token)
            if len(self._begun) == len(self._opening):
                self._start_thought()
                if self._budget_is_spent:
                    return [token, *self._end_thought()]
            return [token]
        if not self._begun and not self._at_once and not self._spell(token).strip():
            return [token]  # white space before it
        begun, self._begun = self._begun, []
        self._start_answer()
        if self._held:
            self._matcher_now.consume(begun)
            return self._follow(token)
        if self._phase is _Phase.WAITING:
            assert self._tail is not None  # noqa: S101 - set with the phase
            self._tail.push(b"".join(map(self._spell, begun)))
            return self._wait(token, self._spell(token))
        return [token]

    @property
    def _budget_is_spent(self) -> bool:
        """No thought at all is wanted."""
        return self._thought is not None and self._thought.budget == 0
