"""What a compiled grammar costs: memory, which grows while it is used, and the time of its masks.

All matchers of a grammar share its lexer (llguidance's ``deep_copy`` copies the parser alone), and
a lexer keeps every state that a mask has come to. For most grammars these are few; a regular
expression of 40 characters can have a hundred thousand.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from colonnade.worker.grammar.heap import bytes_in_use

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_UNSEEN = 0.0005
"""Seconds of a processor in quick masks during which memory is not looked at: most grammars come to
the same few states again and again."""

_BYTES_A_SECOND = 300e6
"""What a slow mask may add, where memory cannot be looked at."""

_SLOW = 0.0005
"""Seconds of a mask that should not be waited for by others."""

_PROOF = 8
"""Masks in a row that show a new grammar to be quick, ..."""
_PROOF_AFTER_SLOW = 64
"""... and one that was slow before."""


class Usage:
    """Of one compiled grammar; each of its matchers holds it, and nothing else but who keeps the
    grammar. As ``ports.Pace`` it tells of its masks."""

    __slots__ = ("__weakref__", "_on_growth", "_to_prove", "_unseen", "bytes", "lock", "slow")

    def __init__(self, on_growth: Callable[[], None] = lambda: None) -> None:
        """``on_growth`` is called, from whatever thread, when its memory was found to have
        grown."""
        self._on_growth = on_growth
        self.bytes = 0
        """Memory that it holds, as measured."""
        self.lock = Lock()
        """Held while the lexer is used: llguidance would wait for it with the GIL in its hands."""
        self.slow = False
        """A mask of late took long."""
        self._to_prove = _PROOF
        self._unseen = 0.0

    @property
    def quick(self) -> bool:
        """Its next mask will hardly take long."""
        return not self._to_prove

    def note(self, seconds: float) -> None:
        """Learn what a mask took, with all that is held beside the grammar."""
        if seconds > _SLOW:
            self.slow, self._to_prove = True, _PROOF_AFTER_SLOW
        elif self._to_prove:
            self._to_prove -= 1
            self.slow &= self._to_prove > 0

    @contextmanager
    def compiling(self, characters: int) -> Iterator[None]:
        """Measure what is allocated within it for a grammar of so many characters."""
        before = bytes_in_use()
        yield
        after = bytes_in_use()
        if before is None or after is None:
            self.bytes = 64 * characters
        else:
            self.bytes = max(after - before, 0)
        self.bytes += characters  # it is kept as the key, too

    def mask(self, compute: Callable[[], bytes]) -> bytes:
        """Compute a mask, and see what it adds to the memory, as often as needed."""
        looks = not self.quick or self._unseen >= _UNSEEN
        before = bytes_in_use() if looks else None
        began = time.thread_time()
        with self.lock:
            mask = compute()
        took = time.thread_time() - began
        self._unseen += took
        if looks:
            after = bytes_in_use()
            self._grow(before, after, len(mask), took)
        return mask

    def _grow(self, before: int | None, after: int | None, own: int, seconds: float) -> None:
        """Take the growth during a mask for that of those before it, too, in which nobody looked.
        ``own``: bytes of the mask itself."""
        unseen, self._unseen = self._unseen, 0.0
        if before is None or after is None:
            grown = _BYTES_A_SECOND * unseen if seconds > _SLOW else 0.0
        else:
            grown = max(after - before - own, 0) * unseen / seconds
        if grown:
            self.bytes += int(grown)
            self._on_growth()
