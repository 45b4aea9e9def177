"""What stands for pictures and sounds among a prompt's tokens.

A projector makes of a file embeddings, which the model reads in place of tokens: a picture is one
run of them, or several with tokens in between. Among a prompt's tokens each stands as a number
below 0, which follows from the file's digest, so that what is known of prompts by their tokens (who
begins like whom, what a slot remembers) holds for pictures, too.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from colonnade.messages import MediaPart

_NUMBER = struct.Struct("<Q")
"""What a stand-in is made of: so much that nobody can make a file which has that of another one."""

_SPARE_BITS = 2
"""Which leaves numbers of 64 bits with a sign."""


class Run(NamedTuple):
    """So many embeddings in a row."""

    length: int
    positions: int
    """By how much they move on what follows: fewer than there are embeddings, where these have
    places in rows and columns (M-RoPE)."""
    columns: int = 0
    """Embeddings to a row, where that matters."""
    whole: bool = False
    """Each of them sees all others, so that they are read in one batch."""


Layout = tuple[tuple[int, ...] | Run, ...]
"""What stands for a file: tokens, and runs of embeddings between them."""


@dataclass(eq=False, slots=True)
class Span:
    """A run in a prompt."""

    part: MediaPart
    number: int
    """Of the run among those of its file."""
    run: Run
    start: int = 0
    """Where in the prompt it begins."""
    rows: NDArray[np.float32] | None = None
    """Its embeddings, (length, width); None while they are not made."""

    @property
    def end(self) -> int:
        """Where in the prompt the next token stands."""
        return self.start + self.run.length

    def stand_ins(self) -> list[int]:
        """What stands for it among a prompt's tokens: the same for the same run of the same file,
        and for no other."""
        said = f"{self.part.digest} {self.number} {self.run}"
        digest = hashlib.shake_256(said.encode()).digest(_NUMBER.size * self.run.length)
        return [-2 - (number >> _SPARE_BITS) for (number,) in _NUMBER.iter_unpack(digest)]


def told(tokens: Iterable[int]) -> tuple[int, ...]:
    """A prompt's tokens as clients see them: -1 for each embedding."""
    return tuple([max(token, -1) for token in tokens])


def text_tokens(tokens: Sequence[int]) -> Sequence[int]:
    """Those that are no stand-ins."""
    return [token for token in tokens if token >= 0] if min(tokens, default=0) < 0 else tokens


def up_to_media(tokens: list[int]) -> list[int]:
    """Those before the first stand-in."""
    for place, token in enumerate(tokens):
        if token < 0:
            return tokens[:place]
    return tokens
