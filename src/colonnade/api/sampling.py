"""From a request's fields to how tokens are drawn, and how many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from colonnade.api.bias import biases
from colonnade.api.sampler_names import sampler_names
from colonnade.messages import Failure, FailureKind, Sampling

if TYPE_CHECKING:
    from colonnade.api.schema.requests import SamplingFields

_PLAIN = tuple(
    name
    for name in Sampling.__struct_fields__
    if name not in {"seed", "logit_bias", "biased_texts", "dry_sequence_breakers", "samplers"}
)
_ANY_SEED = -1
_SEED_MASK = 2**31 - 1


def sampling(request: SamplingFields, defaults: Sampling, vocab_size: int) -> Sampling:
    """The request's sampling, with defaults for what it leaves out.

    Raises:
        Failure: ``logit_bias`` names something that is not a token of the model, or ``samplers``
            something that is no sampler.
    """
    given: dict[str, Any] = {
        name: value for name in _PLAIN if (value := getattr(request, name)) is not None
    }
    if request.repetition_penalty is not None:
        given.setdefault("repeat_penalty", request.repetition_penalty)
    if request.dry_sequence_breakers is not None:
        given["dry_sequence_breakers"] = tuple(request.dry_sequence_breakers)
    if request.seed == _ANY_SEED:
        given["seed"] = None
    elif request.seed is not None:
        # 31 bits leave room for the choices' own seeds, and keep clear of the value that llama.cpp
        # takes for "random".
        given["seed"] = request.seed & _SEED_MASK
    if request.logit_bias:
        found = biases(request.logit_bias, vocab_size)
        given["logit_bias"], given["biased_texts"] = found.tokens, found.texts
    if request.samplers is not None:
        given["samplers"] = sampler_names(request.samplers)
    return msgspec.structs.replace(defaults, **given)


def token_limit(*wishes: int | None) -> int | None:
    """The first wish that is given; a negative one means no limit."""
    limit = next((wish for wish in wishes if wish is not None), None)
    return None if limit is not None and limit < 0 else limit


def choices(wish: int | None, most: int, param: str = "n") -> int:
    """How many choices to generate.

    Raises:
        Failure: more than this server allows.
    """
    if wish is not None and wish > most:
        msg = f"{param!r} is {wish}; at most {most} choices can be had from one prompt."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param=param)
    return wish or 1
