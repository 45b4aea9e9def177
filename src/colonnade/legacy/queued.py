"""Queued streaming: ``POST /api/v1/chat/submit``, ``GET /api/v1/chat/stream/{client_id}``."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any, Literal

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from msgspec import Meta, Struct

from colonnade.legacy.errors import Service, documented, text
from colonnade.legacy.house import House
from colonnade.legacy.jobs import Client, Closed, Done, Failed, JobEvent, Token
from colonnade.messages import Failure
from colonnade.web.access import caller_of
from colonnade.web.body import LenientRequest
from colonnade.web.examples import json_body
from colonnade.web.openapi import EventsOperation
from colonnade.web.sse import EventStream, named_frame

KEEP_ALIVE_SECONDS = 15.0

ClientId = Annotated[str, Meta(min_length=1, max_length=256)]


class Submission(Struct, kw_only=True):
    """A prompt, with the text that it asks about; the answer goes to the client's stream."""

    prompt: Annotated[str, Meta(min_length=1, examples=["What is knowledge distillation?"])]
    context: str = ""
    client_id: ClientId


class Queued(Struct):
    """The job that was made, and how many wait before it (0: it starts at once)."""

    status: Literal["queued"]
    client_id: str
    job_id: str
    position: int


class TokenEvent(Struct):
    """More of a job's answer."""

    job_id: str
    token: str


class DoneEvent(Struct):
    """A job's end."""

    job_id: str
    finish_reason: str


class ErrorEvent(Struct):
    """A job's end without an answer."""

    job_id: str | None
    detail: str


def _frame(event: JobEvent) -> bytes:
    """An event as its client's stream carries it."""
    match event:
        case Token():
            return named_frame("token", TokenEvent(event.job_id, event.text))
        case Done():
            return named_frame("done", DoneEvent(event.job_id, event.reason.value))
        case Failed():
            detail = text(event.failure, Service.QUEUED)
            return named_frame("error", ErrorEvent(event.job_id, detail))
        case Closed():
            return b""


@post(
    "/api/v1/chat/submit",
    status_code=202,
    summary="Queue a job",
    response_description="It waits or runs.",
    sync_to_thread=False,
    responses=documented(Service.QUEUED, 400, 404, 422, 429, 503),
)
def submit(
    data: Annotated[
        Submission,
        json_body(prompt="Who lives here?", context="Maria lives here.", client_id="me"),
    ],
    request: LenientRequest,
    house: NamedDependency[House],
) -> Queued:
    """Queue a job of a client whose stream is open."""
    client = Client(caller_of(request.scope).name, data.client_id)
    queued = house.jobs.submit(client, data.prompt, data.context)
    if queued is None:
        msg = f"Client {data.client_id!r} is not connected: open its stream first."
        raise HTTPException(msg, status_code=404)
    job, position = queued
    return Queued("queued", data.client_id, job.id, position)


@get(
    "/api/v1/chat/stream/{client_id:str}",
    summary="The answers to a client's jobs",
    response_description="Events with names: `token`, `done` and `error`.",
    operation_class=EventsOperation,
    responses=documented(Service.QUEUED, 400, 409, 422),
)
async def stream(
    client_id: FromPath[str], request: Request[Any, Any, Any], house: NamedDependency[House]
) -> Response[Any]:
    """Connect a client: its jobs' tokens come as server-sent events until it goes away."""
    if len(client_id) > 256:
        raise HTTPException("A client_id has at most 256 characters.", status_code=422)
    client = Client(caller_of(request.scope).name, client_id)
    if not await house.jobs.connect_again(client):
        raise HTTPException(f"Client {client_id!r} is connected already.", status_code=409)
    return EventStream(
        _frames(house.jobs.events(client)),
        close=partial(house.jobs.disconnect, client),
        keep_alive=KEEP_ALIVE_SECONDS,
        error=_lost,
    )


async def _frames(events: AsyncIterator[JobEvent]) -> AsyncIterator[bytes]:
    yield b": connected\n\n"
    async for event in events:
        yield _frame(event)


def _lost(failure: Failure) -> bytes:
    return named_frame("error", ErrorEvent(None, text(failure, Service.QUEUED)))


ROUTES = (submit, stream)
