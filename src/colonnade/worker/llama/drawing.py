"""Draws the tokens of a step, on two cores where that pays."""

from __future__ import annotations

from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

from colonnade.worker.llama.sampler import ChainSampler, GreedySampler, LlamaSampler

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from colonnade.worker.ports import Draw

_WORTH = 1 << 19
"""Logits to go through before a second thread is worth waking: a millisecond of work."""


class Drawing:
    """llama.cpp's chains go through the whole vocabulary, and release the GIL while they do.

    A thread of its own behind two queues: an executor makes a future, a condition and a work item
    in every step, which took 45 microseconds more.
    """

    def __init__(self, vocab_size: int) -> None:
        self._vocab_size = vocab_size
        self._work: SimpleQueue[tuple[NDArray[np.float32], Sequence[Draw]]] = SimpleQueue()
        self._done: SimpleQueue[list[int] | Exception] = SimpleQueue()
        self._helper: Thread | None = None

    def draw(self, logits: NDArray[np.float32], draws: Sequence[Draw]) -> list[int]:
        """Draw a token for each from the rows of the last batch, (rows, vocab_size)."""
        block = _greedy_block(draws)
        if block is not None:
            tokens: list[int] = logits[block].argmax(axis=1).tolist()
            return tokens
        if not self._are_much(draws):
            return _one_by_one(logits, draws)
        if self._helper is None:
            self._helper = Thread(target=self._help, name="draw", daemon=True)
            self._helper.start()
        half = len(draws) // 2
        self._work.put((logits, draws[half:]))
        try:
            first = _one_by_one(logits, draws[:half])
        finally:
            second = self._done.get()
        if isinstance(second, Exception):
            raise second
        return first + second

    def _are_much(self, draws: Sequence[Draw]) -> bool:
        """Whether enough of them go through a chain."""
        if len(draws) < 2 or len(draws) * self._vocab_size < _WORTH:
            return False
        chains = 0
        for draw in draws:
            chains += isinstance(draw.sampler, ChainSampler)
        return chains > 1 and chains * self._vocab_size >= _WORTH

    def _help(self) -> None:
        """The second thread. What fails there is raised in the first one."""
        while True:
            logits, draws = self._work.get()
            try:
                self._done.put(_one_by_one(logits, draws))
            except Exception as error:  # noqa: BLE001 - see above
                self._done.put(error)
            del logits, draws  # or they would be kept until the next ones come


def _greedy_block(draws: Sequence[Draw]) -> slice | None:
    """The rows, if all take the likeliest token and they lie side by side, as is usual."""
    begin = draws[0].row if draws else 0
    for row, draw in enumerate(draws, begin):
        sampler = draw.sampler
        if not isinstance(sampler, GreedySampler) or sampler.bias is not None:
            return None
        if draw.row != row or draw.mask is not None or draw.apart is not None:
            return None
    return slice(begin, begin + len(draws))


def _one_by_one(logits: NDArray[np.float32], draws: Sequence[Draw]) -> list[int]:
    tokens = []
    for draw in draws:
        sampler = draw.sampler
        assert isinstance(sampler, LlamaSampler)  # noqa: S101 - the model made it itself
        if draw.apart is None:
            tokens.append(sampler.sample(logits, draw.row, draw.mask))
        else:
            tokens.append(sampler.sample_apart(draw.apart, draw.mask))
    return tokens
