"""llama.cpp's sampler chains, from the wishes of a request."""

from __future__ import annotations

import ctypes
import secrets
from typing import TYPE_CHECKING, Any

import llama_cpp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colonnade.messages import Decoding, Sampling

_SEEDS = 0xFFFFFFFF
"""llama.cpp takes this value for "draw one"; seeds are below it."""


def resolve_seed(sampling: Sampling, choice: int) -> int:
    """The seed of a choice: the one asked for, moved on by the choice, or a fresh one."""
    if sampling.seed is None:
        return secrets.randbelow(_SEEDS)
    return (sampling.seed + choice) % _SEEDS


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
