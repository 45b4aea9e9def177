"""From a chat request to a turn. All that can be refused without the engine is refused here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colonnade.api.continuation import continued_part
from colonnade.api.conversation import plain_messages
from colonnade.api.counts import check_counts
from colonnade.api.decoding import decoding, most_logprobs
from colonnade.api.fields import Endpoint, refuse_fields
from colonnade.api.forms import form
from colonnade.api.media import check_media
from colonnade.api.sampling import choices, sampling, token_limit
from colonnade.api.tools import tool_use
from colonnade.api.urgency import urgency
from colonnade.generation import ChatPrompt, Reasoning, ServedModel, Turn
from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from colonnade.api.options import ApiOptions
    from colonnade.api.schema.chat import ChatRequest


_BUDGETS = (
    "thinking_budget",
    "thinking_budget_tokens",
    "reasoning_budget",
    "reasoning_budget_tokens",
    "thinking_token_budget",
)


def chat_turn(
    request: ChatRequest, model: ServedModel, options: ApiOptions, body: bytes | None = None
) -> Turn:
    """What the request asks of the engine, pictures and sounds aside: ``with_media`` adds them.

    ``body`` is what it was read from.

    Raises:
        Failure: it asks for something wrong or impossible.
    """
    check_counts(request, options.max_messages, options.max_tools)
    refuse_fields(request, Endpoint.CHAT)
    messages = plain_messages(request.messages)
    check_media(request.messages, model.engine.info.media, options.media)
    return Turn(
        request.model or None,
        ChatPrompt(
            messages,
            _template_kwargs(request),
            tool_use(request, body),
            _reasoning(request),
            continued_part(request, messages, unasked=options.continue_final_message),
            request.add_special_tokens is not False,
        ),
        decoding(
            request,
            sampling(request, model.sampling, model.engine.info.vocab_size),
            n=choices(request.n or request.n_cmpl, options.max_choices),
            max_tokens=_max_tokens(request),
            logprobs=_logprobs(request),
            prompt_logprobs=request.prompt_logprobs,
            prediction="" if request.prediction is None else request.prediction.text,
        ),
        form(request),
        urgency(request, request.service_tier, may_pass=options.may_pass),
        request.adapters,
    )


def _max_tokens(request: ChatRequest) -> int | None:
    limit = token_limit(request.max_completion_tokens, request.max_tokens, request.n_predict)
    if limit == 0:
        msg = "'max_tokens' must be at least 1."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param="max_tokens")
    return limit


def _logprobs(request: ChatRequest) -> int | None:
    if request.logprobs or request.n_probs:
        return most_logprobs(request.top_logprobs, request.n_probs, 0)
    if request.top_logprobs:
        msg = "'top_logprobs' is only allowed with 'logprobs'."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param="top_logprobs")
    return None


def _reasoning(request: ChatRequest) -> Reasoning:
    budgets = (getattr(request, name) for name in _BUDGETS)
    enabled = (request.chat_template_kwargs or {}).get("enable_thinking")
    return Reasoning(
        split=request.reasoning_format != "none",
        enabled=enabled if isinstance(enabled, bool) else None,
        effort=request.reasoning_effort,
        budget=token_limit(*budgets),
        last_words=request.reasoning_budget_message or "",
    )


def _template_kwargs(request: ChatRequest) -> dict[str, Any]:
    kwargs = dict(request.chat_template_kwargs or {})
    if request.verbosity is not None:
        kwargs["verbosity"] = request.verbosity
    if request.documents:
        kwargs["documents"] = request.documents
    if request.add_generation_prompt is not None:
        kwargs["add_generation_prompt"] = request.add_generation_prompt
    return kwargs
