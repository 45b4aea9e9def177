"""From a request's fields to how tokens are drawn, and when to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from colonnade.messages import Decoding, Failure, FailureKind, Sampling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colonnade.api.schema.requests import GenerationFields, SamplingFields

_PLAIN = tuple(
    name
    for name in Sampling.__struct_fields__
    if name not in {"seed", "logit_bias", "dry_sequence_breakers"}
)
_MOST_TOKENS = 2**31 - 1
_ANY_SEED = -1
_SEED_MASK = 2**31 - 1


def sampling(request: SamplingFields, defaults: Sampling, vocab_size: int) -> Sampling:
    """The request's sampling, with defaults for what it leaves out.

    Raises:
        Failure: ``logit_bias`` names something that is not a token of the model.
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
        given["logit_bias"] = _logit_bias(request.logit_bias, vocab_size)
    return msgspec.structs.replace(defaults, **given)


def decoding(
    request: GenerationFields,
    how: Sampling,
    *,
    n: int,
    max_tokens: int | None,
    logprobs: int | None,
    prompt_logprobs: int | None = None,
) -> Decoding:
    """Everything of a generation but its prompt."""
    stop = request.stop or ()
    return Decoding(
        sampling=how,
        max_tokens=None if max_tokens is None else min(max_tokens, _MOST_TOKENS),
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        ignore_eos=bool(request.ignore_eos),
        n=n,
        logprobs=logprobs,
        prompt_logprobs=prompt_logprobs,
    )


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


def check_stream_options(request: GenerationFields) -> None:
    """Refuse ``stream_options`` where there is no stream, as OpenAI does.

    Raises:
        Failure: they are given without ``stream``.
    """
    if request.stream_options is not None and not request.stream:
        msg = "'stream_options' is only allowed with 'stream'."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param="stream_options")


def _logit_bias(bias: Mapping[str, float], vocab_size: int) -> tuple[tuple[int, float], ...]:
    pairs: list[tuple[int, float]] = []
    for key, value in bias.items():
        if not (key.isascii() and key.isdecimal() and len(key) <= 10 and int(key) < vocab_size):
            msg = f"'logit_bias' has the key {key[:40]!r}: token ids go from 0 to {vocab_size - 1}."
            raise Failure(FailureKind.INVALID_REQUEST, msg, param="logit_bias")
        pairs.append((int(key), value))
    return tuple(pairs)
