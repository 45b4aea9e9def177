"""Numbers as people read them."""

from __future__ import annotations


def size(bytes_: int) -> str:
    """Write a number of bytes: 4.37 GiB, 379 MiB."""
    for power, name in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
        if bytes_ >= 1024**power:
            return f"{three_digits(bytes_ / 1024**power)} {name}"
    return f"{bytes_} bytes"


def three_digits(number: float) -> str:
    """Write a number of at least 1 with what is worth reading of it: 4.37, 43.7, 437."""
    if number >= 100:
        return f"{number:.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"
