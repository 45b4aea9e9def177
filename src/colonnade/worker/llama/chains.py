"""llama.cpp's sampler chains, from the wishes of a request."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import llama_cpp
import msgspec

from colonnade.worker.llama.looking_back import LookingBack, penalizes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from colonnade.messages import Decoding, Sampling
    from colonnade.worker.llama.looking_back import DrySamplers

_SEEDS = 0xFFFFFFFF
"""llama.cpp takes this value for "draw one"; seeds are below it."""

_COLDEST = 1e-5
"""The least temperature that is one."""

DEFAULT_ORDER = (
    "penalties",
    "dry",
    "top_n_sigma",
    "top_k",
    "typ_p",
    "top_p",
    "min_p",
    "xtc",
    "temperature",
)
"""llama.cpp's own, by its names."""

_LOOK_BACK = ("penalties", "dry")

_OFF: dict[str, dict[str, float]] = {
    "penalties": {"repeat_penalty": 1.0, "frequency_penalty": 0.0, "presence_penalty": 0.0},
    "dry": {"dry_multiplier": 0.0},
    "top_n_sigma": {"top_n_sigma": -1.0},
    "top_k": {"top_k": 0},
    "typ_p": {"typical_p": 1.0},
    "top_p": {"top_p": 1.0},
    "min_p": {"min_p": 0.0},
    "xtc": {"xtc_probability": 0.0},
    "temperature": {"temperature": 1.0, "dynatemp_range": 0.0},
    "adaptive_p": {"adaptive_target": -1.0},
}
"""The values with which a sampler does nothing."""


def selected(sampling: Sampling) -> Sampling:
    """The same, with the samplers off that are not among those asked for. Mirostat has none to
    select from."""
    wanted = sampling.samplers
    if wanted is None or sampling.mirostat:
        return sampling
    off: dict[str, Any] = {}
    for name, values in _OFF.items():
        if name not in wanted:
            off.update(values)
    return msgspec.structs.replace(sampling, **off)


def settled(sampling: Sampling) -> Sampling:
    """What is asked for, without the samplers that are off, and without temperatures that numbers
    of 32 bits cannot be divided by: below ``_COLDEST`` it is greedy, as in vLLM, and where the
    temperature follows the entropy, it does not fall below that."""
    sampling = selected(sampling)
    if sampling.temperature < _COLDEST:
        return msgspec.structs.replace(sampling, temperature=0.0)
    low = sampling.temperature - sampling.dynatemp_range
    if sampling.dynatemp_range > 0 and low < _COLDEST:
        high = sampling.temperature + sampling.dynatemp_range
        middle, reach = (high + _COLDEST) / 2, (high - _COLDEST) / 2
        return msgspec.structs.replace(sampling, temperature=middle, dynatemp_range=reach)
    return sampling


def resolve_seed(sampling: Sampling, choice: int) -> int:
    """The seed of a choice: the one asked for, moved on by the choice, or a fresh one."""
    if sampling.seed is None:
        return secrets.randbelow(_SEEDS)
    return (sampling.seed + choice) % _SEEDS


class Chains:
    """Makes a request's ``llama_sampler`` chains, in the order of llama.cpp's own tools or of
    ``samplers``. Little is done before a choice begins."""

    def __init__(self, vocab: Any, decoding: Decoding, dry: DrySamplers) -> None:  # noqa: ANN401
        self._vocab = vocab
        self._sampling = settled(decoding.sampling)
        self._looking_back = LookingBack(self._sampling, decoding.n, dry)

    def make(self, choice: int, prompt: Sequence[int]) -> Any:  # noqa: ANN401
        """A choice's chain, which has seen the prompt."""
        vocab, sampling = self._vocab, self._sampling
        seed = resolve_seed(sampling, choice)
        lookers = self._looking_back.get(prompt)
        return _chain([*_links(vocab, sampling, lookers, seed), _draw(vocab, sampling, seed)])


def is_greedy(sampling: Sampling) -> bool:
    """Whether the most likely token is always the one drawn."""
    sampling = settled(sampling)
    return (
        not penalizes(sampling)
        and sampling.dry_multiplier <= 0
        and (sampling.temperature <= 0 or (sampling.top_k == 1 and not sampling.mirostat))
    )


def _chain(samplers: list[Any]) -> Any:  # noqa: ANN401
    params = llama_cpp.llama_sampler_chain_default_params()
    params.no_perf = True
    chain = llama_cpp.llama_sampler_chain_init(params)
    for sampler in samplers:
        llama_cpp.llama_sampler_chain_add(chain, sampler)
    return chain


def _links(
    vocab: Any,  # noqa: ANN401
    sampling: Sampling,
    lookers: Mapping[str, Any],
    seed: int,
) -> list[Any]:
    """What comes before the draw, in its order."""
    order = DEFAULT_ORDER if sampling.samplers is None else tuple(dict.fromkeys(sampling.samplers))
    if sampling.temperature <= 0 or sampling.mirostat:
        links = list(lookers.values())
        return [*links, _temperature(sampling)] if sampling.temperature > 0 else links
    made = (
        lookers.get(name) if name in _LOOK_BACK else _link(vocab, name, sampling, seed)
        for name in order
    )
    return [link for link in made if link is not None]


def _link(vocab: Any, name: str, sampling: Sampling, seed: int) -> Any:  # noqa: ANN401
    """One sampler; None where its value is the neutral one."""
    keep = max(1, sampling.min_keep)
    match name:
        case "top_n_sigma" if sampling.top_n_sigma > 0:
            return llama_cpp.llama_sampler_init_top_n_sigma(sampling.top_n_sigma)
        case "top_k" if sampling.top_k > 0:
            return llama_cpp.llama_sampler_init_top_k(sampling.top_k)
        case "typ_p" if sampling.typical_p < 1:
            return llama_cpp.llama_sampler_init_typical(sampling.typical_p, keep)
        case "top_p" if sampling.top_p < 1:
            return llama_cpp.llama_sampler_init_top_p(sampling.top_p, keep)
        case "min_p" if sampling.min_p > 0:
            return llama_cpp.llama_sampler_init_min_p(sampling.min_p, keep)
        case "xtc" if sampling.xtc_probability > 0:
            probability, threshold = sampling.xtc_probability, sampling.xtc_threshold
            return llama_cpp.llama_sampler_init_xtc(probability, threshold, keep, seed)
        case "temperature":
            return _temperature(sampling)
        case "infill":
            return llama_cpp.llama_sampler_init_infill(vocab)
    return None


def _draw(vocab: Any, sampling: Sampling, seed: int) -> Any:  # noqa: ANN401
    """What ends a chain: it picks the token."""
    if sampling.temperature <= 0:
        return llama_cpp.llama_sampler_init_greedy()
    tau, eta = sampling.mirostat_tau, sampling.mirostat_eta
    if sampling.mirostat == 1:
        size = llama_cpp.llama_vocab_n_tokens(vocab)
        return llama_cpp.llama_sampler_init_mirostat(size, seed, tau, eta, 100)
    if sampling.mirostat:
        return llama_cpp.llama_sampler_init_mirostat_v2(seed, tau, eta)
    if sampling.adaptive_target >= 0:
        target, decay = sampling.adaptive_target, sampling.adaptive_decay
        return llama_cpp.llama_sampler_init_adaptive_p(target, decay, seed)
    return llama_cpp.llama_sampler_init_dist(seed)


def _temperature(sampling: Sampling) -> Any:  # noqa: ANN401
    return llama_cpp.llama_sampler_init_temp_ext(
        sampling.temperature, sampling.dynatemp_range, sampling.dynatemp_exponent
    )
