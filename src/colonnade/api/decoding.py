"""From a request's fields to everything of a generation but its prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.messages import Decoding, Failure, FailureKind

if TYPE_CHECKING:
    from colonnade.api.schema.requests import GenerationFields
    from colonnade.messages import Sampling

_MOST_TOKENS = 2**31 - 1


def decoding(
    request: GenerationFields,
    how: Sampling,
    *,
    n: int,
    max_tokens: int | None,
    logprobs: int | None,
    prompt_logprobs: int | None = None,
    logprob_of_end: bool = False,
    prediction: str = "",
) -> Decoding:
    """What the request asks of the drawing of tokens, and of what is reported.

    Raises:
        Failure: wishes contradict each other.
    """
    _check(request, max_tokens, logprobs)
    stop = [request.stop] if isinstance(request.stop, str) else request.stop or ()
    allowed = request.allowed_token_ids
    private = bool(request.cache_salt)
    milliseconds = request.t_max_predict_ms or 0
    return Decoding(
        sampling=how,
        max_tokens=None if max_tokens is None else min(max_tokens, _MOST_TOKENS),
        stop=tuple(each for each in stop if each),
        ignore_eos=bool(request.ignore_eos),
        n=n,
        logprobs=logprobs,
        prompt_logprobs=prompt_logprobs,
        stop_tokens=tuple(request.stop_token_ids or ()),
        show_stop=bool(request.include_stop_str_in_output),
        logprob_of_end=logprob_of_end,
        min_tokens=request.min_tokens or 0,
        bad_words=tuple(request.bad_words or ()),
        allowed_tokens=None if allowed is None else tuple(allowed),
        show_special=request.skip_special_tokens is False,
        token_ids=wants_ids(request),
        logprob_tokens=tuple(request.logprob_token_ids or ()),
        predict_ms=milliseconds if milliseconds > 0 else None,
        most_prompt=request.truncate_prompt_tokens,
        first_of_prompt=request.truncation_side == "right",
        reuse=request.cache_prompt is not False and not private,
        share=not private,
        prediction=prediction,
        timings=bool(request.timings_per_token and request.stream),
        progress=bool(request.return_progress and request.stream),
    )


def wants_ids(request: GenerationFields) -> bool:
    """Whether the answer holds the ids of tokens."""
    return bool(request.return_token_ids or request.return_tokens)


def most_logprobs(*wishes: int | None) -> int | None:
    """The most alternatives that are wished for, None where no log probabilities are."""
    return max((wish for wish in wishes if wish is not None), default=None)


def _check(request: GenerationFields, max_tokens: int | None, logprobs: int | None) -> None:
    if request.min_tokens and max_tokens is not None and request.min_tokens > max_tokens:
        msg = f"'min_tokens' is {request.min_tokens}, more than the {max_tokens} tokens at most."
        raise _invalid("min_tokens", msg)
    if request.allowed_token_ids is not None and not request.allowed_token_ids:
        raise _invalid("allowed_token_ids", "'allowed_token_ids' is an empty list.")
    if request.logprob_token_ids and logprobs is None:
        msg = "'logprob_token_ids' is only allowed with 'logprobs'."
        raise _invalid("logprob_token_ids", msg)
    if request.truncate_prompt_tokens == 0:
        msg = "'truncate_prompt_tokens' must be at least 1, or -1 for what the context holds."
        raise _invalid("truncate_prompt_tokens", msg)
    if request.prompt_logprobs is not None and request.stream:
        raise _invalid("prompt_logprobs", "'prompt_logprobs' is not allowed with 'stream'.")


def _invalid(param: str, message: str) -> Failure:
    return Failure(FailureKind.INVALID_REQUEST, message, param=param)
