"""Log probabilities, from rows of logits as the model made them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from colonnade.messages import Alternative, TokenLogprob

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def log_softmax(row: NDArray[np.float32]) -> NDArray[np.float32]:
    """Natural logarithm of softmax over a row, (vocab_size,) float32. ``row`` is left as it is."""
    shifted: NDArray[np.float32] = row - row.max()
    shifted -= np.float32(np.log(np.exp(shifted).sum(dtype=np.float64)))
    return shifted


def most_likely(logprobs: NDArray[np.float32], count: int) -> list[int]:
    """The ``count`` most likely tokens, best first; ties by token id."""
    count = min(count, len(logprobs))
    if count == 0:
        return []
    best = np.argpartition(logprobs, -count)[-count:]
    order = np.lexsort((best, -logprobs[best]))
    return [int(token) for token in best[order]]


def token_logprob(
    logprobs: NDArray[np.float32], token: int, top: int, name: Callable[[int], bytes]
) -> TokenLogprob:
    """The entry of ``token`` with its ``top`` alternatives."""
    alternatives = tuple(
        Alternative(other, name(other), float(logprobs[other]))
        for other in most_likely(logprobs, top)
    )
    return TokenLogprob(token, name(token), float(logprobs[token]), alternatives)
