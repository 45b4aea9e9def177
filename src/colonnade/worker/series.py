"""What comes of guesses in a row, of which the first wrong one ends all."""

from __future__ import annotations


def expected_run(first: float, further: float, count: int) -> float:
    """How many of ``count`` guessed tokens will come true, if the first one does with probability
    ``first`` and each behind a right one with ``further``: a geometric series."""
    if further >= 1:
        return first * count
    return first * (1 - further**count) / (1 - further)
