"""How much prefill a step may carry while other sequences decode."""

from __future__ import annotations

_WEIGHT = 0.25
"""Of the newest measurement in the running rate."""

_TILE = 65
"""Tokens of a piece of which 64 are in a pass without the others' tokens: so many queries are
computed together by llama.cpp's flash attention, fewer one by one, which takes nearly as long."""

_PATIENCE = 4
"""How many times the given time a step may take for that."""


class PrefillPacer:
    """Keeps a step's prefill near a given time, from the rate of the steps before it.

    A fixed number of tokens would be too long on a slow machine and too little on a fast one.
    """

    def __init__(self, target_ms: float, batch_size: int, smallest: int = 32) -> None:
        self._target = target_ms / 1e3
        self._largest = batch_size
        self._smallest = min(smallest, batch_size)  # a pass costs much whatever it carries
        self._rate = 0.0
        self._decode = 0.0
        """Seconds of a step that only decodes."""

    @property
    def budget(self) -> int:
        """Tokens for the next step."""
        if not self._rate:
            return self._smallest
        fits = int(self._rate * self._target)
        if fits < _TILE <= fits * _PATIENCE:
            fits = _TILE
        return max(self._smallest, min(self._largest, fits))

    def observe(self, tokens: int, seconds: float, *, decoding: bool) -> None:
        """Learn from a step with ``tokens`` of prefill, beside sequences that decode or not."""
        if tokens == 0:
            self._decode = _mean(self._decode, seconds)
        elif tokens >= self._smallest:
            # llama.cpp decodes in a pass of its own; never let that account for all of the time
            prefill = max(seconds - self._decode, seconds / 2) if decoding else seconds
            self._rate = _mean(self._rate, tokens / max(prefill, 1e-9))


def _mean(old: float, new: float) -> float:
    """A running mean; the first value is taken as it is."""
    return old + _WEIGHT * (new - old) if old else new
