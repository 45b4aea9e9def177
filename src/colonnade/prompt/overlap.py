"""How much two renderings have in common."""

from __future__ import annotations


def common_start(first: str, second: str) -> int:
    """Count the characters that two texts begin with alike."""
    length = min(len(first), len(second))
    pairs = zip(first, second, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), length)


def common_end(first: str, second: str) -> int:
    """Count the characters that two texts end with alike."""
    return common_start(first[::-1], second[::-1])
