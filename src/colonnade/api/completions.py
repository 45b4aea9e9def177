"""``POST /v1/completions``."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from litestar import Response, post
from litestar.di import NamedDependency

from colonnade.api.accounts import wire_timings, wire_usage
from colonnade.api.answer_stream import Opened, answer_stream, keep_alive
from colonnade.api.batch import Batch
from colonnade.api.completion_pieces import Piece, pieces
from colonnade.api.completion_stream import CompletionStream
from colonnade.api.completion_turns import CompletionJob, completion_job
from colonnade.api.errors import ERROR_RESPONSES
from colonnade.api.identity import SYSTEM_FINGERPRINT, Identity
from colonnade.api.ignored import ignored_headers
from colonnade.api.logprobs import CompletionLogprobsWriter, prompt_logprobs
from colonnade.api.narrowed import narrowed_headers, wire_narrowings
from colonnade.api.options import ApiOptions
from colonnade.api.schema.completions import Completion, CompletionChoice, CompletionRequest
from colonnade.generation import Generation, Generator, Models, Usage
from colonnade.messages import Failure, FailureKind
from colonnade.web.access import charge_answers
from colonnade.web.body import WireRequest
from colonnade.web.disconnect import unless_disconnected
from colonnade.web.examples import json_body
from colonnade.web.openapi import StreamOperation


@post(
    "/completions",
    status_code=200,
    responses=ERROR_RESPONSES,
    response_description="The continuations, whole or, with `stream`, in pieces and `[DONE]`.",
    operation_class=StreamOperation,
    summary="Completion",
)
async def create_completion(
    data: Annotated[CompletionRequest, json_body(prompt="Once upon a time", max_tokens=20)],
    request: WireRequest,
    generator: NamedDependency[Generator],
    models: NamedDependency[Models],
    options: NamedDependency[ApiOptions],
) -> Response[Completion]:
    """Continue one text or several."""
    ignored = ignored_headers(await request.body(), CompletionRequest)

    async def job() -> CompletionJob:
        job = completion_job(data, await models.obtain(data.model or ""), options)
        charge_answers(request.scope, sum(turn.decoding.n for turn in job.turns))
        return job

    if not data.stream:
        work = _complete(generator, job)
        response = await unless_disconnected(request.receive, work)
        response.headers |= ignored
        return response
    include_usage = bool(data.stream_options and data.stream_options.include_usage)
    return await answer_stream(
        _open(generator, job, include_usage=include_usage),
        at_once=models.is_here(data.model or ""),
        keep_alive=keep_alive(data, options),
        headers=ignored,
    )


async def _open(
    generator: Generator, obtained: Callable[[], Awaitable[CompletionJob]], *, include_usage: bool
) -> Opened:
    job = await obtained()
    batch = await _start(generator, job)
    stream = CompletionStream(batch, job, _heading(job), include_usage=include_usage)
    return Opened(stream.frames(), batch.aclose, narrowed_headers(batch.narrowings))


async def _start(generator: Generator, job: CompletionJob) -> Batch:
    try:
        return await Batch.start(generator, job.turns)
    except Failure as failure:
        if failure.kind is FailureKind.CONTEXT_LENGTH_EXCEEDED:
            # The engine knows prompts only, and takes each for a conversation.
            failure.param = "prompt"
        raise


async def _complete(
    generator: Generator, obtained: Callable[[], Awaitable[CompletionJob]]
) -> Response[Completion]:
    job = await obtained()
    batch = await _start(generator, job)
    try:
        completion = _heading(job)
        completion.choices = await _choices(batch, job)
    finally:
        await batch.aclose()
    usage = Usage.total(generation.usage for generation in batch.generations)
    completion.usage = wire_usage(usage)
    completion.timings = wire_timings(usage)
    completion.narrowed = wire_narrowings(batch.narrowings)
    return Response(completion, headers=narrowed_headers(batch.narrowings))


async def _choices(batch: Batch, job: CompletionJob) -> list[CompletionChoice]:
    """All choices in order; of each prompt, only the best where more were generated."""
    collected: list[list[Piece]] = [[] for _ in range(len(job.prompts) * job.generated)]
    async for ready in pieces(batch, job):
        for piece in ready:
            collected[piece.index].append(piece)
    chosen: list[list[Piece]] = []
    for start in range(0, len(collected), job.generated):
        of_prompt = collected[start : start + job.generated]
        if job.generated > job.n:
            of_prompt.sort(key=_mean_logprob, reverse=True)
        chosen += of_prompt[: job.n]
    return [
        _whole(index, each, job, batch.generations[index // job.n])
        for index, each in enumerate(chosen)
    ]


def _whole(
    index: int, parts: list[Piece], job: CompletionJob, generation: Generation
) -> CompletionChoice:
    tokens = [token for piece in parts for token in piece.tokens]
    choice = CompletionChoice(
        index=index,
        text="".join(piece.text for piece in parts),
        finish_reason=parts[-1].reason,
    )
    if job.logprobs is not None:
        choice.logprobs = CompletionLogprobsWriter(as_ids=job.as_ids).write(tokens)
    if parts[-1].stop is not None:
        choice.stop_reason = parts[-1].stop
    if job.token_ids:
        choice.token_ids = [number for piece in parts for number in piece.ids]
        choice.prompt_token_ids = list(generation.prompt_ids)
    if job.prompt_logprobs is not None:
        choice.prompt_logprobs = prompt_logprobs(
            generation.prompt_logprobs, job.prompt_logprobs, as_ids=job.as_ids
        )
    return choice


def _mean_logprob(parts: list[Piece]) -> float:
    """How likely a choice was, a token; the prompt, alike in all of them, is left out."""
    each = [token.logprob or 0.0 for piece in parts if not piece.echo for token in piece.tokens]
    return sum(each) / len(each) if each else 0.0


def _heading(job: CompletionJob) -> Completion:
    identity = Identity.fresh("cmpl", job.model, job.request_id)
    return Completion(
        id=identity.id,
        created=identity.created,
        model=identity.model,
        system_fingerprint=SYSTEM_FINGERPRINT,
        choices=[],
    )
