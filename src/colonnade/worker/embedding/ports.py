"""What the loop and the intake need of a model that embeds. ``worker.llama`` provides it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from colonnade.worker.ports import Chunk


class Around(NamedTuple):
    """Tokens that are put around a text, and around and between the texts of a pair."""

    head: tuple[int, ...]
    tail: tuple[int, ...]
    pair_head: tuple[int, ...]
    between: tuple[int, ...]
    pair_tail: tuple[int, ...]


class Vocabulary(Protocol):
    """What the intake needs of a vocabulary."""

    size: int

    def parts(self, text: str, *, special: bool) -> Iterator[list[int]]:
        """Tokens of a text in parts, made as they are asked for."""
        ...

    def least(self, texts: Iterable[str]) -> int:
        """A number of tokens that texts have at least, found quickly."""
        ...


class Encoder(Protocol):
    """A model with a context that embeds."""

    @property
    def ctx_size(self) -> int:
        """Tokens of the longest text."""
        ...

    @property
    def batch_size(self) -> int:
        """Tokens that are computed at once, but for a text that is longer and cannot be cut."""
        ...

    @property
    def sequences(self) -> int:
        """Texts that are computed at once, at the most."""
        ...

    @property
    def pooling(self) -> str:
        """``mean``, ``cls``, ``last`` or ``rank``."""
        ...

    @property
    def splits(self) -> bool:
        """Whether a text may be read in several batches."""
        ...

    @property
    def row_size(self) -> int:
        """Numbers of a row."""
        ...

    def encode(self, chunks: Sequence[Chunk]) -> NDArray[np.float32]:
        """Read a batch. Returns a row for each chunk, of its own tokens, (chunks, row_size).

        Raises:
            DecodeError: the batch failed; whatever was in memory has to be forgotten.
        """
        ...

    def forget(self, sequence: int) -> None:
        """Forget what was read as a sequence."""
        ...
