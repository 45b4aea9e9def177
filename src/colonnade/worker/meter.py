"""How long the parts of a step take, and how large steps are. Costs a clock reading a part."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from colonnade.messages import PARTS, STEP_SECONDS, STEP_TOKENS
from colonnade.watch import Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.messages import Part


class Meter:
    """Adds up, until it is read."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._began = self._last = clock()
        self.clear()

    def clear(self) -> None:
        """Begin again."""
        self.seconds = [0.0] * len(PARTS)
        self.steps = Histogram(STEP_SECONDS)
        self.tokens = Histogram(STEP_TOKENS)

    def begin(self) -> None:
        """A step begins."""
        self._began = self._last = self._clock()

    def mark(self, part: Part) -> None:
        """What has passed since the last mark went to this part."""
        now = self._clock()
        self.seconds[part] += now - self._last
        self._last = now

    def end(self, tokens: int) -> None:
        """The step that ends with the last mark has read so many tokens."""
        self.steps.observe(self._last - self._began)
        self.tokens.observe(tokens)
