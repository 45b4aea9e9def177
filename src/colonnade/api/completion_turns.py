"""From a completion request to its turns, one a prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from colonnade.api.decoding import decoding, most_logprobs, wants_ids
from colonnade.api.fields import Endpoint, refuse_fields
from colonnade.api.forms import form
from colonnade.api.sampling import choices, sampling, token_limit
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
    logprobs: int | None
    """Alternatives beside each token that the client wants to see; None for none of it."""
    bos: str
    """The token that the engine puts before a text on its own, if any."""
    prompt_logprobs: int | None = None
    """The same as ``logprobs`` for the prompt's tokens, apart from an echo."""
    token_ids: bool = False
    as_ids: bool = False
    """Log probabilities name tokens by their ids."""
    request_id: str | None = None
    timings: bool = False
    """With each piece of a stream."""

    @property
    def cut(self) -> bool:
        """Whether perhaps not all of a prompt is read."""
        return self.turns[0].decoding.most_prompt is not None


def completion_job(
    request: CompletionRequest, model: ServedModel, options: ApiOptions
) -> CompletionJob:
    """What the request asks of the engine.

    Raises:
        Failure: it asks for something wrong or impossible.
    """
    refuse_fields(request, Endpoint.COMPLETIONS)
    n = choices(request.n or request.n_cmpl, options.max_choices)
    generated = _best_of(request, n, options.max_choices)
    prompts = _prompts(request.prompt, model.engine.info.vocab_size)
    _check_answers(request, len(prompts), generated, options.max_answers)
    suffix = request.suffix or None
    wanted = form(request)
    if suffix is not None:
        _check_suffix(request)
    logprobs = most_logprobs(request.logprobs, request.n_probs or None)
    how = decoding(
        request,
        sampling(request, model.sampling, model.engine.info.vocab_size),
        n=generated,
        max_tokens=_max_tokens(request),
        logprobs=0 if generated > n and logprobs is None else logprobs,
        prompt_logprobs=_prompt_logprobs(request, prompts, logprobs),
        logprob_of_end=logprobs is not None or generated > n,
    )
    bos = request.add_special_tokens is not False
    place = urgency(request, may_pass=options.may_pass)
    adapters = request.adapters
    return CompletionJob(
        model=model.called(request.model),
        prompts=prompts,
        turns=tuple(
            Turn(
                request.model or None,
                CompletionPrompt(prompt, suffix, bos),
                how,
                wanted,
                place,
                adapters,
            )
            for prompt in prompts
        ),
        n=n,
        generated=generated,
        echo=bool(request.echo),
        logprobs=logprobs,
        bos=model.engine.info.bos_token if model.engine.info.add_bos and bos else "",
        prompt_logprobs=request.prompt_logprobs,
        token_ids=wants_ids(request),
        as_ids=bool(request.return_tokens_as_token_ids),
        request_id=request.request_id,
        timings=how.timings,
    )


def _prompt_logprobs(
    request: CompletionRequest, prompts: Sequence[Prompt], logprobs: int | None
) -> int | None:
    """What an echo takes, and what is asked for. Of a prompt in token ids, the text of an echo
    comes back with the tokens, as of one that may be cut."""
    wish = request.prompt_logprobs
    if not request.echo:
        return wish
    by_tokens = isinstance(prompts[0], tuple) or request.truncate_prompt_tokens is not None
    return most_logprobs(wish, logprobs, 0 if by_tokens else None)


def _check_suffix(request: CompletionRequest) -> None:
    for name in ("echo", "truncate_prompt_tokens"):
        if getattr(request, name):
            raise _invalid(name, f"{name!r} is not allowed with 'suffix'.")


def _max_tokens(request: CompletionRequest) -> int | None:
    limit = token_limit(request.max_tokens, request.n_predict)
    if limit == 0 and not request.echo:
        raise _invalid("max_tokens", "'max_tokens' may be 0 only with 'echo'.")
    return limit


def _best_of(request: CompletionRequest, n: int, most: int) -> int:
    best_of = choices(request.best_of, most, "best_of") if request.best_of else n
    if best_of < n:
        msg = f"'best_of' is {best_of}: it must be at least 'n', which is {n}."
        raise _invalid("best_of", msg)
    if best_of > n and request.stream:
        raise _invalid("best_of", "'best_of' cannot be streamed.")
    return best_of


def _check_answers(request: CompletionRequest, prompts: int, each: int, most: int) -> None:
    """Refuse more answers than a request may ask for with all of its prompts."""
    if prompts * each <= most:
        return
    if each == 1:
        raise _invalid("prompt", f"'prompt' holds {prompts} prompts: at most {most} are allowed.")
    param = "best_of" if request.best_of else "n"
    msg = f"{param!r} is {each} for each of {prompts} prompts: at most {most} answers are allowed."
    raise _invalid(param, msg)


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
    ids = tuple(each for each in given if isinstance(each, int))
    if len(ids) < len(given):
        number = next(number for number, each in enumerate(given) if not isinstance(each, int))
        raise _invalid("prompt", f"'{path}[{number}]' is no token id.")
    if min(ids) < 0 or max(ids) >= vocab:
        number = next(number for number, token in enumerate(ids) if not 0 <= token < vocab)
        msg = f"'{path}[{number}]' is {ids[number]}: token ids go from 0 to {vocab - 1}."
        raise _invalid("prompt", msg)
    return ids


def _invalid(param: str, message: str) -> Failure:
    return Failure(FailureKind.INVALID_REQUEST, message, param=param)
