"""What is told of a file."""

from __future__ import annotations

from typing import NamedTuple


class Picture(NamedTuple):
    """A picture of so many pixels. ``raw`` are the bytes that its decoder unpacks, where the format
    says how many they are."""

    format: str
    width: int
    height: int
    raw: int = 0


class Sound(NamedTuple):
    """A sound of so many seconds."""

    format: str
    seconds: float
