"""llama.cpp's samplers that look back at the text: penalties and DRY."""

from __future__ import annotations

import ctypes
import weakref
from typing import TYPE_CHECKING, Any

import llama_cpp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colonnade.messages import Sampling


def penalizes(sampling: Sampling) -> bool:
    """Whether any of the three penalties changes anything."""
    changes = (
        sampling.repeat_penalty != 1.0 or sampling.frequency_penalty or sampling.presence_penalty
    )
    return bool(changes) and sampling.repeat_last_n != 0


class _Dry:
    """A DRY sampler that has seen nothing, to be copied."""

    def __init__(self, sampler: Any) -> None:  # noqa: ANN401 - a ctypes pointer
        self.sampler = sampler
        weakref.finalize(self, llama_cpp.llama_sampler_free, sampler)


class DrySamplers:
    """DRY samplers by their values, as long as somebody has them: to make one, the whole vocabulary
    is searched for each of its breakers, and what is found takes about a megabyte."""

    def __init__(self, vocab: Any, ctx_size: int) -> None:  # noqa: ANN401 - a ctypes pointer
        self.vocab = vocab
        self.ctx_size = ctx_size
        self._made: weakref.WeakValueDictionary[tuple[object, ...], _Dry] = (
            weakref.WeakValueDictionary()
        )

    def get(self, sampling: Sampling) -> _Dry:
        """One of these values."""
        length = self.bounded(sampling.dry_penalty_last_n)
        key = (
            sampling.dry_multiplier,
            sampling.dry_base,
            sampling.dry_allowed_length,
            length,
            sampling.dry_sequence_breakers,
        )
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = _Dry(_dry(self.vocab, sampling, length))
        return found

    def bounded(self, length: int) -> int:
        """How many tokens are looked back at. llama.cpp takes a negative length for 0 and allocates
        any length."""
        return self.ctx_size if length < 0 else min(length, self.ctx_size)


class LookingBack:
    """What looks back, as far as it is wanted, for all choices of a request.

    A request that waits has nothing of it for itself. The first choice that begins has it read the
    prompt, the others take copies.
    """

    def __init__(self, sampling: Sampling, choices: int, dry: DrySamplers) -> None:
        self._sampling = sampling
        self._choices = choices
        self._values = dry
        self._dry = dry.get(sampling) if sampling.dry_multiplier > 0 else None
        self._read: dict[str, Any] | None = None

    def get(self, prompt: Sequence[int]) -> dict[str, Any]:
        """A choice's own, by llama.cpp's names, which have seen the prompt."""
        if self._read is None:
            read = self._make(prompt)
            if self._choices == 1:
                return read
            self._read = read
            for sampler in read.values():
                weakref.finalize(self, llama_cpp.llama_sampler_free, sampler)
        return {name: llama_cpp.llama_sampler_clone(each) for name, each in self._read.items()}

    def _make(self, prompt: Sequence[int]) -> dict[str, Any]:
        sampling, found = self._sampling, {}
        if penalizes(sampling):
            length = self._values.bounded(sampling.repeat_last_n)
            found["penalties"] = length, _penalties(self._values.vocab, sampling, length)
        if self._dry is not None:
            length = self._values.bounded(sampling.dry_penalty_last_n)
            found["dry"] = length, llama_cpp.llama_sampler_clone(self._dry.sampler)
        for length, sampler in found.values():
            for token in prompt[-length:] if length else ():
                llama_cpp.llama_sampler_accept(sampler, token)
        return {name: sampler for name, (_, sampler) in found.items()}


def _penalties(vocab: Any, sampling: Sampling, length: int) -> Any:  # noqa: ANN401
    return llama_cpp.llama_sampler_init_penalties(
        llama_cpp.llama_vocab_n_tokens(vocab),
        length,
        sampling.repeat_penalty,
        sampling.frequency_penalty,
        sampling.presence_penalty,
    )


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
