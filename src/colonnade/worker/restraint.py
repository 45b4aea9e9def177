"""What a request forbids its choices to say, whatever the model thinks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from colonnade.messages import Decoding


class Restraint:
    """Holds for all choices of a request: too early an end, words, and tokens that are not on a
    list of allowed ones.
    """

    __slots__ = ("_bad", "_early", "_longer", "_min_tokens", "mask")

    def __init__(
        self,
        decoding: Decoding,
        ends: Collection[int],
        words: Sequence[Sequence[int]],
        vocab_size: int,
    ) -> None:
        """``ends`` are the tokens that end a generation, ``words`` the token sequences of the
        words that are not to be said."""
        self._min_tokens = decoding.min_tokens
        self._early = _ids({*ends, *decoding.stop_tokens})
        self._bad = _ids({word[-1] for word in words if len(word) == 1})
        self._longer: dict[int, list[tuple[list[int], int]]] = {}
        """By the token before the last one: what stands before the last one, and the last one."""
        for word in words:
            if len(word) > 1:
                begin = list(word[:-1])
                self._longer.setdefault(begin[-1], []).append((begin, word[-1]))
        self.mask: NDArray[np.uint8] | None = None
        """0 for the tokens that are not on the list of allowed ones, (vocab_size); None where there
        is no such list."""
        if decoding.allowed_tokens is not None:
            self.mask = np.zeros(vocab_size, dtype=np.uint8)
            self.mask[_ids(set(decoding.allowed_tokens))] = 1

    def apply(self, row: NDArray[np.float32], tokens: list[int], prompt: int) -> None:
        """Forbid in a row of logits, in place, what may not follow ``tokens``, of which the first
        ``prompt`` are the prompt's. The list of allowed tokens is left to ``mask``."""
        if len(tokens) - prompt < self._min_tokens:
            row[self._early] = -np.inf
        row[self._bad] = -np.inf
        for begin, last in self._longer.get(tokens[-1], ()) if len(tokens) > prompt else ():
            if len(begin) <= len(tokens) - prompt and tokens[-len(begin) :] == begin:
                row[last] = -np.inf

    def leaves_nothing(self, row: NDArray[np.float32]) -> bool:
        """Whether all that is allowed is forbidden in a row that was applied to."""
        return self.mask is not None and not np.isfinite(row[self.mask != 0]).any()


def _ids(tokens: set[int]) -> NDArray[np.int64]:
    return np.array(sorted(tokens), dtype=np.int64)
