"""llama.cpp's sampler chain for one choice, and a short cut for greedy."""

from __future__ import annotations

import ctypes
import secrets
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import llama_cpp
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from colonnade.messages import Decoding, Sampling

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
"""``llama_token_data``."""

_FEW = 8
"""Less than an eighth of the vocabulary."""

_SEEDS = 0xFFFFFFFF
"""llama.cpp takes this value for "draw one"; seeds are below it."""


def resolve_seed(sampling: Sampling, choice: int) -> int:
    """The seed of a choice: the one asked for, moved on by the choice, or a fresh one."""
    if sampling.seed is None:
        return secrets.randbelow(_SEEDS)
    return (sampling.seed + choice) % _SEEDS


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

    def _sample_among(self, allowed: NDArray[np.intp], row: NDArray[np.float32]) -> int:
        """Draw from the candidates alone: as from the whole vocabulary with a mask, and cheaper."""
        if len(allowed) == 1:
            token = int(allowed[0])
            self.accept(token)
            return token
        logits = row[allowed]
        if not np.isfinite(logits).any():  # a bias forbids what the grammar leaves
            logits[:] = 0
        candidates = np.zeros(len(allowed), dtype=_CANDIDATE)
        candidates["id"] = allowed
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


def build_chains(
    context: Any,  # noqa: ANN401 - ctypes pointers
    vocab: Any,  # noqa: ANN401
    decoding: Decoding,
    prompt: Sequence[int],
) -> list[Any]:
    """A ``llama_sampler`` chain for each choice, in the order of llama.cpp's own tools.

    What looks back at the text is made once and cloned for the further choices: to make a DRY
    sampler, the whole vocabulary is searched for each of its breakers.
    """
    sampling = decoding.sampling
    size = llama_cpp.llama_vocab_n_tokens(vocab)
    lookers = _look_back(vocab, sampling, llama_cpp.llama_n_ctx_seq(context), prompt)
    chains = []
    for choice in range(decoding.n):
        mine = lookers if choice == 0 else [llama_cpp.llama_sampler_clone(each) for each in lookers]
        chains.append(_chain([*mine, *_draw(size, sampling, resolve_seed(sampling, choice))]))
    return chains


def is_greedy(sampling: Sampling) -> bool:
    """Whether the most likely token is always the one drawn."""
    return (
        not _penalizes(sampling)
        and sampling.dry_multiplier <= 0
        and (sampling.temperature <= 0 or (sampling.top_k == 1 and not sampling.mirostat))
    )


def _penalizes(sampling: Sampling) -> bool:
    changes = (
        sampling.repeat_penalty != 1.0 or sampling.frequency_penalty or sampling.presence_penalty
    )
    return bool(changes) and sampling.repeat_last_n != 0


def _look_back(
    vocab: Any,  # noqa: ANN401
    sampling: Sampling,
    ctx_size: int,
    prompt: Sequence[int],
) -> list[Any]:
    """Penalties and DRY, as far as they are wanted, which have seen the prompt.

    llama.cpp takes a negative length for 0 and allocates any length, so both are bounded here.
    """

    def bounded(length: int) -> int:
        return ctx_size if length < 0 else min(length, ctx_size)

    found = []
    if _penalizes(sampling):
        length = bounded(sampling.repeat_last_n)
        found.append((length, _penalties(llama_cpp.llama_vocab_n_tokens(vocab), sampling, length)))
    if sampling.dry_multiplier > 0:
        length = bounded(sampling.dry_penalty_last_n)
        found.append((length, _dry(vocab, sampling, length)))
    for length, sampler in found:
        for token in prompt[-length:] if length else ():
            llama_cpp.llama_sampler_accept(sampler, token)
    return [sampler for _, sampler in found]


def _penalties(size: int, sampling: Sampling, length: int) -> Any:  # noqa: ANN401
    return llama_cpp.llama_sampler_init_penalties(
        size,
        length,
        sampling.repeat_penalty,
        sampling.frequency_penalty,
        sampling.presence_penalty,
    )


def _chain(samplers: list[Any]) -> Any:  # noqa: ANN401
    params = llama_cpp.llama_sampler_chain_default_params()
    params.no_perf = True
    chain = llama_cpp.llama_sampler_chain_init(params)
    for sampler in samplers:
        llama_cpp.llama_sampler_chain_add(chain, sampler)
    return chain


def _draw(size: int, sampling: Sampling, seed: int) -> list[Any]:
    if sampling.temperature <= 0:
        return [llama_cpp.llama_sampler_init_greedy()]
    if sampling.mirostat:
        return _mirostat(size, sampling, seed)
    return [*_truncation(sampling, seed), llama_cpp.llama_sampler_init_dist(seed)]


def _truncation(sampling: Sampling, seed: int) -> list[Any]:
    chain = []
    if sampling.top_n_sigma > 0:
        chain.append(llama_cpp.llama_sampler_init_top_n_sigma(sampling.top_n_sigma))
    if sampling.top_k > 0:
        chain.append(llama_cpp.llama_sampler_init_top_k(sampling.top_k))
    if sampling.typical_p < 1:
        chain.append(llama_cpp.llama_sampler_init_typical(sampling.typical_p, 1))
    if sampling.top_p < 1:
        chain.append(llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1))
    if sampling.min_p > 0:
        chain.append(llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1))
    if sampling.xtc_probability > 0:
        chain.append(
            llama_cpp.llama_sampler_init_xtc(
                sampling.xtc_probability, sampling.xtc_threshold, 1, seed
            )
        )
    return [*chain, _temperature(sampling)]


def _temperature(sampling: Sampling) -> Any:  # noqa: ANN401
    return llama_cpp.llama_sampler_init_temp_ext(
        sampling.temperature, sampling.dynatemp_range, sampling.dynatemp_exponent
    )


def _mirostat(size: int, sampling: Sampling, seed: int) -> list[Any]:
    tau, eta = sampling.mirostat_tau, sampling.mirostat_eta
    if sampling.mirostat == 1:
        last = llama_cpp.llama_sampler_init_mirostat(size, seed, tau, eta, 100)
    else:
        last = llama_cpp.llama_sampler_init_mirostat_v2(seed, tau, eta)
    return [_temperature(sampling), last]


def _dry(vocab: Any, sampling: Sampling, length: int) -> Any:  # noqa: ANN401
    breakers = [text.encode() for text in sampling.dry_sequence_breakers]
    array = (ctypes.c_char_p * len(breakers))(*breakers)
    return llama_cpp.llama_sampler_init_dry(
        vocab,
        sampling.dry_multiplier,
        sampling.dry_base,
        sampling.dry_allowed_length,
        length,
        array,
        len(breakers),
    )
