"""From a completion request to its turns, one a prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colonnade.api.fields import Endpoint, refuse_fields
from colonnade.api.forms import form
from colonnade.api.sampling import (
    check_stream_options,
    choices,
    decoding,
    sampling,
    token_limit,
)
from colonnade.api.urgency import urgency
from colonnade.generation import CompletionPrompt, Turn
from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colonnade.api.options import ApiOptions
    from colonnade.api.schema.completions import CompletionRequest
    from colonnade.generation import ServedModel

    Prompt = str | tuple[int, ...]


_MOST_PROMPTS = 2048
"""In one request, as OpenAI has it."""


@dataclass(frozen=True, slots=True)
class CompletionJob:
    """What a request asks for."""

    model: str
    prompts: tuple[Prompt, ...]
    turns: tuple[Turn, ...]
    n: int
    """Choices to return for each prompt."""
    generated: int
    """Choices to generate for each prompt: more than ``n`` where the best are to be picked."""
    echo: bool
    logprobs: bool
    """Whether the client wants to see them."""
    bos: str
    """The token that the engine puts before a text on its own, if any."""


def completion_job(
    request: CompletionRequest, model: ServedModel, options: ApiOptions
) -> CompletionJob:
    """What the request asks of the engine.

    Raises:
        Failure: it asks for something wrong or impossible.
    """
    refuse_fields(request, Endpoint.COMPLETIONS)
    check_stream_options(request)
    n = choices(request.n, options.max_choices)
    generated = _best_of(request, n, options.max_choices)
    prompts = _prompts(request.prompt, model.engine.info.vocab_size)
    suffix = request.suffix or None
    wanted = form(request)
    if suffix is not None and request.echo:
        msg = "'echo' is not allowed with 'suffix'."
        raise _invalid("echo", msg)
    how = decoding(
        request,
        sampling(request, model.sampling, model.engine.info.vocab_size),
        n=generated,
        max_tokens=_max_tokens(request),
        logprobs=0 if generated > n and request.logprobs is None else request.logprobs,
        prompt_logprobs=_prompt_logprobs(request, prompts),
    )
    place = urgency(request, may_pass=options.may_pass)
    return CompletionJob(
        model=model.id,
        prompts=prompts,
        turns=tuple(
            Turn(request.model or None, CompletionPrompt(prompt, suffix), how, wanted, place)
            for prompt in prompts
        ),
        n=n,
        generated=generated,
        echo=bool(request.echo),
        logprobs=request.logprobs is not None,
        bos=model.engine.info.bos_token if model.engine.info.add_bos else "",
    )


def _prompt_logprobs(request: CompletionRequest, prompts: Sequence[Prompt]) -> int | None:
    """What an echo takes. Of a prompt in token ids, the text comes back with the tokens."""
    if not request.echo:
        return None
    in_ids = isinstance(prompts[0], tuple)
    return 0 if in_ids and request.logprobs is None else request.logprobs


def _max_tokens(request: CompletionRequest) -> int | None:
    limit = token_limit(request.max_tokens, request.n_predict)
    if limit == 0 and not request.echo:
        raise _invalid("max_tokens", "'max_tokens' may be 0 only with 'echo'.")
    return limit


def _best_of(request: CompletionRequest, n: int, most: int) -> int:
    best_of = choices(request.best_of, most, "best_of") if request.best_of is not None else n
    if best_of < n:
        msg = f"'best_of' is {best_of}: it must be at least 'n', which is {n}."
        raise _invalid("best_of", msg)
    if best_of > n and request.stream:
        raise _invalid("best_of", "'best_of' cannot be streamed.")
    return best_of


def _prompts(given: str | Sequence[str | int | list[int]] | None, vocab: int) -> tuple[Prompt, ...]:
    """The prompts out of the four forms that the field takes."""
    if given is None or isinstance(given, str):
        return (given or "",)
    if not given:
        raise _invalid("prompt", "'prompt' is an empty list.")
    if isinstance(given[0], int):
        return (_ids(given, vocab, "prompt"),)
    if len(given) > _MOST_PROMPTS:
        msg = f"'prompt' holds {len(given)} prompts: at most {_MOST_PROMPTS} are allowed."
        raise _invalid("prompt", msg)
    prompts: list[Prompt] = []
    for number, prompt in enumerate(given):
        if isinstance(prompt, int) or type(prompt) is not type(given[0]):
            msg = "'prompt' must be a string, a list of strings, or one or more lists of token ids."
            raise _invalid("prompt", msg)
        path = f"prompt[{number}]"
        prompts.append(prompt if isinstance(prompt, str) else _ids(prompt, vocab, path))
    return tuple(prompts)


def _ids(given: Sequence[object], vocab: int, path: str) -> tuple[int, ...]:
    if not given:
        raise _invalid("prompt", f"{path!r} holds no token.")
    for number, token in enumerate(given):
        if not isinstance(token, int):
            raise _invalid("prompt", f"'{path}[{number}]' is no token id.")
        if not 0 <= token < vocab:
            msg = f"'{path}[{number}]' is {token}: token ids go from 0 to {vocab - 1}."
            raise _invalid("prompt", msg)
    return tuple(token for token in given if isinstance(token, int))


def _invalid(param: str, message: str) -> Failure:
    return Failure(FailureKind.INVALID_REQUEST, message, param=param)
