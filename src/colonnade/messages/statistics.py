"""What a worker says of itself when it is asked: counts, times, and who holds its slots."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from msgspec import Struct


class Part(IntEnum):
    """What a step's time goes to."""

    PLAN = 0
    """Choosing the batch, copying states, looking after guesses."""
    DECODE = 1
    """llama.cpp."""
    MASKS = 2
    """What constraints allow, and log probabilities."""
    DRAW = 3
    TEXT = 4
    """Tokens' text, and looking for stop strings."""
    SEND = 5
    """The message to the server."""


PARTS: Final = tuple(part.name.lower() for part in Part)

STEP_SECONDS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
"""Bounds of the histogram of steps' times."""

STEP_TOKENS: Final = (1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
"""Bounds of the histogram of steps' tokens."""


class SlotUse(Struct, frozen=True, array_like=True, gc=False):
    """What a slot works on. Counts in tokens, times in seconds."""

    slot: int
    request: int
    choice: int
    prompt_tokens: int
    cached_tokens: int
    read: int
    """Tokens in its memory, of the prompt and of the answer."""
    generated: int
    remaining: int
    """How many more it may generate."""
    prefill: float
    """Since it got the slot, while it reads its prompt; or how long that took."""
    decode: float
    """Since its first token."""
    constrained: bool
    drafted: int
    accepted: int
    adapters: tuple[tuple[int, float], ...] = ()
    """As in ``Submit``."""


class Statistics(Struct, frozen=True, array_like=True, tag="statistics", gc=False):
    """What the loop has done since it last said so, and how it stands."""

    seconds: tuple[float, ...]
    """Spent on each of ``PARTS``."""
    step_seconds: tuple[int, ...]
    """Steps, by ``STEP_SECONDS``."""
    step_tokens: tuple[int, ...]
    """Steps, by ``STEP_TOKENS``."""
    tokens: int
    """That were read in all of them: prompts, drawn ones, guessed ones."""
    cache_hits: int
    """Prompts that began with a saved state."""
    cache_states: int
    cache_bytes: int
    slots: tuple[SlotUse, ...]


class Look(Struct, frozen=True, array_like=True, tag="look", gc=False):
    """Ask for ``Statistics``."""
