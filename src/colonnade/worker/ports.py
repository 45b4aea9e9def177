"""What the loop and the scheduler need of a model. ``worker.llama`` provides it; tests fake it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from colonnade.messages import Decoding


class Chunk(NamedTuple):
    """Tokens of one slot that go into a batch, the first of them at ``position``."""

    slot: int
    position: int
    tokens: Sequence[int]
    outputs: int
    """How many of the last tokens get a row of logits: 0, 1 or all."""


class Memory(Protocol):
    """What the model remembers of each slot's tokens (the KV cache, or a recurrent state)."""

    def can_keep(self, slot: int, length: int) -> bool:
        """Whether a slot can be cut down to its first ``length`` tokens."""
        ...

    def keep(self, slot: int, length: int) -> int:
        """Cut a slot down to its first ``length`` tokens, or to none where that cannot be done.
        Returns the number of tokens kept."""
        ...

    def save(self, slot: int) -> bytearray:
        """Copy a slot's state to host memory."""
        ...

    def load(self, slot: int, state: bytearray) -> None:
        """Replace a slot's state by a saved one."""
        ...


class Sampler(Protocol):
    """What the model draws the tokens of one choice with."""

    def close(self) -> None:
        """Free what it holds."""
        ...


class Draw(NamedTuple):
    """A token to be drawn from a row of logits (vocab_size, float32; may be changed in place),
    which belongs to token ``place`` of the batch just decoded."""

    sampler: Sampler
    row: NDArray[np.float32]
    place: int


class Model(Memory, Protocol):
    """A model with a context of ``slots`` sequences."""

    @property
    def slots(self) -> int:
        """Sequences that can be decoded side by side."""
        ...

    @property
    def ctx_size(self) -> int:
        """Tokens that one slot holds."""
        ...

    @property
    def batch_size(self) -> int:
        """Most tokens of one ``decode``."""
        ...

    @property
    def max_outputs(self) -> int:
        """Most rows of logits of one ``decode``."""
        ...

    def decode(self, chunks: Sequence[Chunk]) -> NDArray[np.float32]:
        """Run one batch. Returns the logits, (outputs, vocab_size), in the order of the chunks;
        valid until the next call.

        Raises:
            DecodeError: the batch failed; the slots' memory is as before or must be cleared.
        """
        ...

    def samplers(self, decoding: Decoding, prompt: Sequence[int]) -> list[Sampler]:
        """A sampler for each choice, all of which have seen the prompt."""
        ...

    def draw(self, draws: Sequence[Draw]) -> list[int]:
        """Draw a token for each; the samplers remember theirs."""
        ...

    def piece(self, token: int) -> bytes:
        """A token's text; empty for control tokens."""
        ...

    def name(self, token: int) -> bytes:
        """A token's text, control tokens included."""
        ...

    def is_end(self, token: int) -> bool:
        """Whether the token ends a generation."""
        ...


class DecodeError(Exception):
    """``decode`` failed; the message says how."""
