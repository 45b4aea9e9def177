"""Draws the tokens of a step, on two cores where that pays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from colonnade.worker.llama.sampler import ChainSampler, LlamaSampler

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from colonnade.worker.ports import Draw

_WORTH = 1 << 19
"""Logits to go through before a second thread is worth waking: a millisecond of work."""


class Drawing:
    """llama.cpp's chains go through the whole vocabulary, and release the GIL while they do."""

    def __init__(self, vocab_size: int) -> None:
        self._vocab_size = vocab_size
        self._helper = ThreadPoolExecutor(1, thread_name_prefix="draw")

    def draw(self, logits: NDArray[np.float32], draws: Sequence[Draw]) -> list[int]:
        """Draw a token for each from the rows of the last batch, (rows, vocab_size)."""
        chains = sum(isinstance(each.sampler, ChainSampler) for each in draws)
        if chains < 2 or chains * self._vocab_size < _WORTH:
            return _one_by_one(logits, draws)
        half = len(draws) // 2
        second = self._helper.submit(_one_by_one, logits, draws[half:])
        return _one_by_one(logits, draws[:half]) + second.result()


def _one_by_one(logits: NDArray[np.float32], draws: Sequence[Draw]) -> list[int]:
    tokens = []
    for sampler, row, mask in draws:
        assert isinstance(sampler, LlamaSampler)  # noqa: S101 - the model made it itself
        tokens.append(sampler.sample(logits, row, mask))
    return tokens
