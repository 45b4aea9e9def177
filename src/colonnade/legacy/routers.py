"""The services' routes: all of them for the main port, or one service for its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, Router, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.openapi.spec import (
    Example,
    OpenAPIMediaType,
    OpenAPIType,
    Reference,
    RequestBody,
    Schema,
)
from msgspec import Raw

from colonnade.legacy import flowgen, gemma, llama_chat, queued
from colonnade.legacy.errors import ErrorText, Service, documented, error_response, handlers
from colonnade.legacy.house import House
from colonnade.messages import Failure, FailureKind
from colonnade.web.body import LenientRequest, decode
from colonnade.web.openapi import StreamOperation

_MODULES = {
    Service.GEMMA: gemma,
    Service.LLAMA_CHAT: llama_chat,
    Service.QUEUED: queued,
    Service.FLOWGEN: flowgen,
}
TITLES = {
    Service.GEMMA: "Gemma worker",
    Service.LLAMA_CHAT: "LLaMA chat",
    Service.QUEUED: "Queued streaming",
    Service.FLOWGEN: "FlowGen",
}


@dataclass
class _EitherOperation(StreamOperation):
    """Describes the two bodies that the route takes."""

    def __post_init__(self) -> None:
        """Add them to what Litestar found, which is no body at all."""
        super().__post_init__()
        examples: dict[str, Example | Reference] = {
            "LLaMA chat": Example(value={"message": "Hello!", "session_id": "my-session"}),
            "FlowGen": Example(value={"messages": [{"role": "user", "content": "Hello!"}]}),
        }
        kinds = {"message": OpenAPIType.STRING, "messages": OpenAPIType.ARRAY}
        schema = Schema(
            type=OpenAPIType.OBJECT,
            properties={name: Schema(type=kind) for name, kind in kinds.items()},
            one_of=[Schema(required=[name]) for name in kinds],
        )
        media = OpenAPIMediaType(schema, examples=examples)
        self.request_body = RequestBody({"application/json": media}, required=True)


@post(
    "/chat",
    status_code=200,
    summary="Chat, as LLaMA chat or FlowGen",
    operation_class=_EitherOperation,
    response_description="The service's answer; FlowGen's may be a stream.",
    responses=documented(None, 400, 422, 429, 500, 503),
)
async def chat(request: LenientRequest, house: NamedDependency[House]) -> Response[Any]:
    """A body with ``message`` is LLaMA chat, one with ``messages`` is FlowGen."""
    body = await request.body()
    service = _service(body)
    try:
        if service is Service.LLAMA_CHAT:
            message = decode(body, llama_chat.ChatMessage, strict=False)
            answer: Any = await llama_chat.answer(message, request, house)
        else:
            conversation = decode(body, flowgen.FlowChat, strict=False)
            answer = await flowgen.answer(conversation, request, house)
    except Exception as exc:  # noqa: BLE001 - told in the words of the service that was meant
        return error_response(service, request, exc)
    return answer if isinstance(answer, Response) else Response(answer)


def _service(body: bytes) -> Service:
    fields = decode(body, dict[str, Raw])
    if ("message" in fields) is ("messages" in fields):
        msg = "Give 'message' (LLaMA chat) or 'messages' (FlowGen)"
        msg += ", not both." if "message" in fields else "."
        raise Failure(FailureKind.INVALID_REQUEST, msg)
    return Service.LLAMA_CHAT if "message" in fields else Service.FLOWGEN


def _both(request: Request[Any, Any, Any], exc: Exception) -> Response[Any]:
    """For clients of both services, before it is known which: each finds its own key."""
    answer = error_response(Service.FLOWGEN, request, exc)
    if isinstance(answer.content, ErrorText):
        answer.content = {"detail": answer.content.error, "error": answer.content.error}
    return answer


def main_routers(house: House) -> list[Router]:
    """All services' routes, but those that the main port has itself."""
    routers = [_router(service, module.ROUTES, house) for service, module in _MODULES.items()]
    shared = _router(Service.FLOWGEN, [chat], house)
    shared.exception_handlers = {Exception: _both, HTTPException: _both}
    return [*routers, shared]


def service_router(service: Service, house: House) -> Router:
    """All routes of one service."""
    module: Any = _MODULES[service]
    return _router(service, [*module.ROUTES, *getattr(module, "OWN_ROUTES", ())], house)


def _router(service: Service, routes: Sequence[Any], house: House) -> Router:
    return Router(
        "/",
        route_handlers=list(routes),
        dependencies={"house": Provide(lambda: house, sync_to_thread=False)},
        exception_handlers=handlers(service),
        request_class=LenientRequest,
        request_max_body_size=house.settings.server.max_body_size,
        tags=[TITLES[service]],
        opt={"door": service.value},
    )
