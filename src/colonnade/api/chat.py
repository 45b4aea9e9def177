"""``POST /v1/chat/completions``."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from litestar import Response, post
from litestar.di import NamedDependency
from msgspec import UNSET

from colonnade.api.accounts import wire_timings, wire_usage
from colonnade.api.answer_stream import Opened, answer_stream, keep_alive
from colonnade.api.chat_answer import Style, message
from colonnade.api.chat_stream import ChatStream
from colonnade.api.chat_turn import chat_turn
from colonnade.api.errors import ERROR_RESPONSES
from colonnade.api.identity import SYSTEM_FINGERPRINT, Identity
from colonnade.api.ignored import ignored_headers
from colonnade.api.logprobs import chat_logprobs, prompt_logprobs
from colonnade.api.media import has_media, with_media
from colonnade.api.narrowed import narrowed_headers, wire_narrowings
from colonnade.api.options import ApiOptions
from colonnade.api.schema.chat import ChatRequest
from colonnade.api.schema.chat_response import ChatChoice, ChatCompletion
from colonnade.generation import Folded, Generator, Models, Turn
from colonnade.web.access import charge_answers
from colonnade.web.body import WireRequest
from colonnade.web.disconnect import unless_disconnected
from colonnade.web.examples import json_body
from colonnade.web.openapi import StreamOperation


@post(
    "/chat/completions",
    status_code=200,
    responses=ERROR_RESPONSES,
    response_description="The next message, whole or, with `stream`, in chunks and `[DONE]`.",
    operation_class=StreamOperation,
    summary="Chat completion",
)
async def create_chat_completion(
    data: Annotated[
        ChatRequest,
        json_body(
            messages=[{"role": "user", "content": "Hello! What is your name?"}],
            temperature=0.7,
            max_tokens=100,
        ),
    ],
    request: WireRequest,
    generator: NamedDependency[Generator],
    models: NamedDependency[Models],
    options: NamedDependency[ApiOptions],
) -> Response[ChatCompletion]:
    """Generate the next message of a conversation."""
    body = await request.body()
    ignored = ignored_headers(body, ChatRequest)

    async def turn() -> Turn:
        turn = chat_turn(data, await models.obtain(data.model or ""), options, body)
        charge_answers(request.scope, turn.decoding.n)
        if has_media(data.messages):
            turn = await with_media(turn, data.messages, options.media)
        return turn

    if not data.stream:
        work = _complete(generator, turn, data)
        response = await unless_disconnected(request.receive, work)
        response.headers |= ignored
        return response
    return await answer_stream(
        _open(generator, turn, data),
        at_once=models.is_here(data.model or "") and not has_media(data.messages),
        keep_alive=keep_alive(data, options),
        headers=ignored,
    )


async def _open(
    generator: Generator, obtained: Callable[[], Awaitable[Turn]], request: ChatRequest
) -> Opened:
    turn = await obtained()
    generation = await generator.start(turn)
    stream = ChatStream(
        generation,
        Identity.fresh("chatcmpl", generation.model, request.request_id),
        turn.decoding,
        Style.of(request, turn.urgency),
        include_usage=bool(request.stream_options and request.stream_options.include_usage),
    )
    headers = narrowed_headers(generation.narrowings)
    return Opened(stream.frames(), generation.aclose, headers)


async def _complete(
    generator: Generator, obtained: Callable[[], Awaitable[Turn]], request: ChatRequest
) -> Response[ChatCompletion]:
    turn = await obtained()
    style = Style.of(request, turn.urgency)
    completed = await generator.complete(turn)
    identity = Identity.fresh("chatcmpl", completed.model, request.request_id)
    answer = ChatCompletion(
        id=identity.id,
        created=identity.created,
        model=identity.model,
        service_tier=style.tier,
        system_fingerprint=SYSTEM_FINGERPRINT,
        choices=[
            _choice(index, folded, turn, style) for index, folded in enumerate(completed.choices)
        ],
        usage=wire_usage(completed.usage),
        timings=wire_timings(completed.usage),
        narrowed=wire_narrowings(completed.narrowings),
    )
    if style.token_ids:
        answer.prompt_token_ids = list(completed.prompt_ids)
    if style.prompt_text:
        answer.prompt_text = completed.prompt_text
    count = turn.decoding.prompt_logprobs
    if count is not None:
        found = prompt_logprobs(completed.prompt_logprobs, count, as_ids=style.as_ids)
        answer.prompt_logprobs = found
    return Response(answer, headers=narrowed_headers(completed.narrowings))


def _choice(index: int, folded: Folded, turn: Turn, style: Style) -> ChatChoice:
    with_logprobs = turn.decoding.logprobs is not None
    return ChatChoice(
        index=index,
        message=message(folded, style),
        logprobs=chat_logprobs(folded.tokens, as_ids=style.as_ids) if with_logprobs else None,
        finish_reason=style.reason(folded.reason),
        stop_reason=UNSET if folded.stop is None else folded.stop,
        token_ids=folded.ids if style.token_ids else UNSET,
    )
