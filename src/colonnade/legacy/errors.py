"""One table: every kind of failure in every service's words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from litestar import Response
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from msgspec import UNSET, Struct, UnsetType

from colonnade.legacy.validation import Complaint, complaint
from colonnade.messages import Failure, FailureKind
from colonnade.web.failures import (
    ClientDisconnected,
    failure_headers,
    told,
)
from colonnade.web.observed import CLIENT_CLOSED_REQUEST

if TYPE_CHECKING:
    from litestar import Request
    from litestar.types import ExceptionHandlersMap


class Service(StrEnum):
    """The services by the names of their documents."""

    GEMMA = "gemma"
    LLAMA_CHAT = "llama_chat"
    QUEUED = "queued"
    FLOWGEN = "flowgen"


class Detail(Struct):
    """The body of an error of the Gemma worker, LLaMA chat and queued streaming."""

    detail: str | list[Complaint]


class ErrorText(Struct):
    """The body of an error of FlowGen."""

    error: str


class EitherError(Struct):
    """The body of an error where two services share a path: in the words of the one meant."""

    detail: str | list[Complaint] | UnsetType = UNSET
    error: str | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of failure: the status that each service answers with, and the WebSocket's code."""

    gemma: int
    llama_chat: int
    queued: int
    flowgen: int
    code: str

    def status(self, service: Service) -> int:
        """The status of a service."""
        status: int = getattr(self, service.value)
        return status


_INVALID, _ABSENT, _FULL, _LATE, _FAILED = (
    "VALIDATION_ERROR",
    "MODEL_NOT_LOADED",
    "QUEUE_FULL",
    "TIMEOUT",
    "INFERENCE_ERROR",
)

TABLE: dict[FailureKind, Row] = {
    FailureKind.INVALID_REQUEST: Row(422, 422, 422, 400, _INVALID),
    FailureKind.UNSUPPORTED: Row(400, 400, 400, 400, _INVALID),
    FailureKind.TEMPLATE_REFUSED: Row(400, 400, 400, 400, _INVALID),
    FailureKind.CONTEXT_LENGTH_EXCEEDED: Row(400, 400, 400, 400, _INVALID),
    FailureKind.MODEL_NOT_FOUND: Row(404, 404, 404, 404, _ABSENT),
    FailureKind.MODEL_UNAVAILABLE: Row(503, 503, 503, 503, _ABSENT),
    FailureKind.MODEL_FAILED: Row(503, 503, 503, 503, _ABSENT),
    FailureKind.DEADLY_REQUEST: Row(400, 400, 400, 400, _FAILED),
    FailureKind.NO_MODEL: Row(503, 503, 503, 400, _ABSENT),
    FailureKind.QUEUE_FULL: Row(429, 429, 429, 429, _FULL),
    FailureKind.RATE_LIMITED: Row(429, 429, 429, 429, _FULL),
    FailureKind.QUOTA_EXCEEDED: Row(429, 429, 429, 429, _FULL),
    FailureKind.TIMEOUT: Row(504, 504, 504, 504, _LATE),
    FailureKind.UNAUTHORIZED: Row(401, 401, 401, 401, _INVALID),
    FailureKind.FORBIDDEN: Row(403, 403, 403, 403, _INVALID),
    FailureKind.UNKNOWN_HOST: Row(421, 421, 421, 421, _INVALID),
    FailureKind.FOREIGN_ORIGIN: Row(403, 403, 403, 403, _INVALID),
    FailureKind.UNSUPPORTED_MEDIA_TYPE: Row(415, 415, 415, 415, _INVALID),
    FailureKind.WORKER_DIED: Row(500, 500, 500, 500, _FAILED),
    FailureKind.STORAGE_FULL: Row(507, 507, 507, 507, _FAILED),
    FailureKind.STORAGE_FAILED: Row(503, 503, 503, 503, _FAILED),
    FailureKind.SHUTTING_DOWN: Row(503, 503, 503, 503, _FAILED),
    FailureKind.INTERNAL: Row(500, 500, 500, 500, _FAILED),
}

_GENERATION_ERRORS = frozenset({FailureKind.WORKER_DIED, FailureKind.INTERNAL})
"""What the Gemma worker and LLaMA chat put ``Generation error:`` before."""


def text(failure: Failure, service: Service) -> str:
    """What a failure says in a service's words."""
    if failure.kind is FailureKind.NO_MODEL:
        return "Model not loaded" + (". Call /load first." if service is Service.FLOWGEN else "")
    if failure.kind in _GENERATION_ERRORS and service in (Service.GEMMA, Service.LLAMA_CHAT):
        return f"Generation error: {failure.message}"
    return failure.message


def body(failure: Failure, service: Service) -> Detail | ErrorText:
    """A service's body for a failure."""
    if service is Service.FLOWGEN:
        return ErrorText(text(failure, service))
    listed = service is not Service.QUEUED and failure.kind is FailureKind.INVALID_REQUEST
    return Detail([complaint(failure)] if listed else text(failure, service))


def error_response(
    service: Service, request: Request[Any, Any, Any], exc: Exception
) -> Response[Any]:
    """A service's answer to whatever went wrong."""
    if isinstance(exc, ClientDisconnected):
        return Response(None, status_code=CLIENT_CLOSED_REQUEST)
    if isinstance(exc, HTTPException):
        said = ErrorText(exc.detail) if service is Service.FLOWGEN else Detail(exc.detail)
        return Response(said, status_code=exc.status_code, headers=dict(exc.headers or {}))
    failure = told(exc, request.scope)
    return Response(
        body(failure, service),
        status_code=TABLE[failure.kind].status(service),
        headers=failure_headers(failure),
    )


_MEANINGS = {
    400: "The request asks for what cannot be had.",
    403: "The key is no administrator's.",
    404: "There is no such thing.",
    409: "It is there already.",
    422: "The body fails validation.",
    429: "Too many requests wait already.",
    500: "The generation failed.",
    503: "No model is loaded, or it is not ready.",
    504: "It took longer than the server allows.",
    507: "There is no room left to keep it.",
}


def documented(service: Service | None, *statuses: int) -> dict[int, ResponseSpec]:
    """A service's errors for the OpenAPI document; None for a path that two services share."""
    shape: type[Struct] = ErrorText if service is Service.FLOWGEN else Detail
    if service is None:
        shape = EitherError
    return {
        each: ResponseSpec(shape, description=_MEANINGS[each], generate_examples=False)
        for each in statuses
    }


def handlers(service: Service) -> ExceptionHandlersMap:
    """What a service's routes answer errors with."""

    def handle(request: Request[Any, Any, Any], exc: Exception) -> Response[Any]:
        return error_response(service, request, exc)

    return {Exception: handle, HTTPException: handle}
