"""What draws a choice's tokens: a chain of llama.cpp's samplers, and a short cut for greedy."""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import llama_cpp
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
"""``llama_token_data``."""

_FEW = 8
"""Less than an eighth of the vocabulary."""


class Bias:
    """Additions to logits: ``logit_bias``, and the end tokens forbidden by ``ignore_eos``."""

    def __init__(self, bias: Sequence[tuple[int, float]], forbidden: Sequence[int]) -> None:
        values = {token: -np.inf if value <= -100 else value for token, value in bias}
        values.update(dict.fromkeys(forbidden, -np.inf))
        self._tokens = np.fromiter(values.keys(), dtype=np.int64, count=len(values))
        self._values = np.fromiter(values.values(), dtype=np.float32, count=len(values))

    def apply(self, row: NDArray[np.float32]) -> None:
        """Add to a row in place."""
        row[self._tokens] += self._values


class LlamaSampler(ABC):
    """A ``ports.Sampler`` of this room."""

    @abstractmethod
    def sample(
        self, logits: NDArray[np.float32], row: int, mask: NDArray[np.uint8] | None = None
    ) -> int:
        """Draw from a row of the last batch's logits (rows, vocab_size), see ``ports.Draw``."""

    @abstractmethod
    def sample_apart(
        self, values: NDArray[np.float32], mask: NDArray[np.uint8] | None = None
    ) -> int:
        """Draw from logits of an earlier batch, (vocab_size), as from a row of the last one."""

    @abstractmethod
    def accept(self, token: int) -> None:
        """See ``ports.Sampler``."""

    @abstractmethod
    def close(self) -> None:
        """Free what it holds."""


class GreedySampler(LlamaSampler):
    """The most likely token, the first one among equals."""

    def __init__(self, bias: Bias | None) -> None:
        self.bias = bias

    def sample(
        self, logits: NDArray[np.float32], row: int, mask: NDArray[np.uint8] | None = None
    ) -> int:
        """See ``LlamaSampler``."""
        values = logits[row]
        if self.bias is not None:
            self.bias.apply(values)
        if mask is not None:
            allowed = _few_allowed(mask)
            if allowed is not None:
                return int(allowed[values[allowed].argmax()])
            _apply(mask, values)
        return int(values.argmax())

    def sample_apart(
        self, values: NDArray[np.float32], mask: NDArray[np.uint8] | None = None
    ) -> int:
        """See ``LlamaSampler``."""
        return self.sample(values[np.newaxis], 0, mask)

    def accept(self, token: int) -> None:
        """Looks back at nothing."""

    def close(self) -> None:
        """Holds nothing."""


class ChainSampler(LlamaSampler):
    """A ``llama_sampler`` chain."""

    def __init__(self, context: Any, chain: Any, bias: Bias | None) -> None:  # noqa: ANN401
        self._context = context
        self._chain = chain
        self._bias = bias

    def sample(
        self, logits: NDArray[np.float32], row: int, mask: NDArray[np.uint8] | None = None
    ) -> int:
        """See ``LlamaSampler``. Reads the context's own rows, of which ``logits`` is a view."""
        if self._bias is not None:
            self._bias.apply(logits[row])
        if mask is not None:
            allowed = _few_allowed(mask)
            if allowed is not None:
                return self._sample_among(allowed, logits[row])
            _apply(mask, logits[row])
        from_the_end = row - len(logits)  # a number from 0 on would be a token of the batch
        return int(llama_cpp.llama_sampler_sample(self._chain, self._context, from_the_end))

    def sample_apart(
        self, values: NDArray[np.float32], mask: NDArray[np.uint8] | None = None
    ) -> int:
        """See ``LlamaSampler``."""
        if self._bias is not None:
            self._bias.apply(values)
        if mask is not None:
            allowed = _few_allowed(mask)
            if allowed is not None:
                return self._sample_among(allowed, values)
            _apply(mask, values)
        return self._sample(np.arange(len(values)), values)

    def _sample_among(self, allowed: NDArray[np.intp], row: NDArray[np.float32]) -> int:
        """Draw from the candidates alone: as from the whole vocabulary with a mask, and cheaper."""
        if len(allowed) == 1:
            token = int(allowed[0])
            self.accept(token)
            return token
        logits = row[allowed]
        if not np.isfinite(logits).any():  # a bias forbids what the grammar leaves
            logits[:] = 0
        return self._sample(allowed, logits)

    def _sample(self, tokens: NDArray[np.intp], logits: NDArray[np.float32]) -> int:
        """Draw one of some tokens, each with its logit."""
        candidates = np.zeros(len(tokens), dtype=_CANDIDATE)
        candidates["id"] = tokens
        candidates["logit"] = logits
        data = candidates.ctypes.data_as(llama_cpp.llama_token_data_p)
        array = llama_cpp.llama_token_data_array(data, len(candidates), -1, False)
        llama_cpp.llama_sampler_apply(self._chain, ctypes.byref(array))
        # samplers may move the candidates: look where they lie now
        token = int(array.data[array.selected].id)
        self.accept(token)
        return token

    def accept(self, token: int) -> None:
        """See ``LlamaSampler``."""
        llama_cpp.llama_sampler_accept(self._chain, token)

    def close(self) -> None:
        """Free the chain."""
        if self._chain is not None:
            llama_cpp.llama_sampler_free(self._chain)
            self._chain = None


def _few_allowed(mask: NDArray[np.uint8]) -> NDArray[np.intp] | None:
    """The allowed tokens, where they are so few that a list of them is cheaper than a mask."""
    if np.count_nonzero(mask) >= len(mask) // _FEW:
        return None
    return np.flatnonzero(mask != 0)  # of booleans: numpy is ten times slower on numbers


def _apply(mask: NDArray[np.uint8], row: NDArray[np.float32]) -> None:
    """Set what is forbidden to minus infinity, in place.

    Through a bound for each logit, which is a tenth of the time that indexing with the mask takes.
    """
    bounds = mask.astype(np.float32)
    bounds -= 0.5
    bounds *= np.inf
    np.minimum(row, bounds, out=row)
