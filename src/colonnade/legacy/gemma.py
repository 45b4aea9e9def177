"""The Gemma worker: ``POST /v1/execute`` and ``/execute``, ``WS /ws``, and its own health."""

import time
import uuid
from typing import Annotated, Any, Literal

from litestar import Response, get, post, websocket
from litestar.connection import WebSocket
from litestar.di import NamedDependency
from msgspec import Struct

from colonnade.generation import Completed
from colonnade.legacy.errors import Service, documented
from colonnade.legacy.execution import Execution, execution_turn
from colonnade.legacy.house import House
from colonnade.legacy.socket import Conversation
from colonnade.ops.health import NOT_READY, Readiness, readiness
from colonnade.web.body import LenientRequest
from colonnade.web.disconnect import unless_disconnected
from colonnade.web.examples import json_body

VERSION = "2.0.0"
"""Of the service that its clients know."""


class Executed(Struct, kw_only=True):
    """The answer. The time is in milliseconds."""

    result: str
    session_id: str
    inference_time_ms: float
    status: Literal["success"] = "success"
    origin: Literal["local"] = "local"


class Info(Struct):
    """What the service is and where its parts are."""

    service: str
    version: str
    docs: str
    health: str
    ready: str
    execute: str
    websocket: str


class Health(Struct):
    """That the process lives."""

    status: Literal["healthy"]
    version: str


@post(
    ["/v1/execute", "/execute"],
    status_code=200,
    summary="Answer one input",
    response_description="The answer.",
    responses=documented(Service.GEMMA, 400, 422, 429, 500, 503),
)
async def execute(
    data: Annotated[
        Execution, json_body(input="Hello, how are you?", max_tokens=100, temperature=0.7)
    ],
    request: LenientRequest,
    house: NamedDependency[House],
) -> Executed:
    """Generate an answer to one input, without any history."""
    began = time.perf_counter()
    answer = await unless_disconnected(request.receive, _answer(data, house))
    return Executed(
        result=answer.first.text,
        session_id=data.session_id or str(uuid.uuid4()),
        inference_time_ms=round((time.perf_counter() - began) * 1e3, 2),
    )


async def _answer(data: Execution, house: House) -> Completed:
    return await house.generator.complete(await execution_turn(data, house))


@websocket("/ws")
async def execute_on_socket(
    socket: WebSocket[Any, Any, Any], house: NamedDependency[House]
) -> None:
    """Answer inputs one after the other, in ND-JSON events."""
    await Conversation(socket, house).run()


@get("/", response_description="The service.", summary="The service", sync_to_thread=False)
def info() -> Info:
    """What this is, and where its parts are."""
    return Info(
        "FazAI Gemma Worker API", VERSION, "/docs", "/health", "/ready", "/v1/execute", "/ws"
    )


@get("/health", response_description="It lives.", summary="Liveness", sync_to_thread=False)
def health() -> Health:
    """Always 200: whoever gets an answer knows that the process lives."""
    return Health("healthy", VERSION)


@get(
    "/ready",
    responses=NOT_READY,
    response_description="A request would be served.",
    summary="Readiness",
    sync_to_thread=False,
)
def ready(house: NamedDependency[House]) -> Response[Readiness]:
    """200 once a model can serve a request, 503 before."""
    found = readiness(house.models)
    return Response(found, status_code=200 if found.model_loaded else 503)


ROUTES = (execute, execute_on_socket)
OWN_ROUTES = (info, health, ready)
"""Those that the main port has in a form of its own."""
