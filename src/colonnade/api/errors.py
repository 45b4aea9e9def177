"""OpenAI's shape of every error.

Also maps what Litestar raises on its own (no such route, wrong method, body too large).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.openapi.datastructures import ResponseSpec

from colonnade.api.schema.errors import Error, ErrorBody
from colonnade.messages import FailureKind
from colonnade.web.failures import (
    RULES,
    ClientDisconnected,
    failure_headers,
    told,
)
from colonnade.web.observed import CLIENT_CLOSED_REQUEST

if TYPE_CHECKING:
    from litestar import Request
    from litestar.types import ExceptionHandlersMap

    from colonnade.messages import Failure

_WORDS: dict[type[Exception], str] = {
    NotFoundException: "There is no such path",
    MethodNotAllowedException: "This path does not take that method",
    RequestEntityTooLarge: "The request body is larger than this server reads",
}
"""In place of HTTP's phrases, which Litestar has for these."""

HTTP_CODES = {
    400: FailureKind.INVALID_REQUEST.value,
    401: FailureKind.UNAUTHORIZED.value,
    404: "not_found",
    405: "method_not_allowed",
    413: "request_too_large",
    415: "unsupported_media_type",
}


def error_body(failure: Failure) -> ErrorBody:
    """The body that tells a failure, in a response or in a stream."""
    rule = RULES[failure.kind]
    return ErrorBody(
        Error(
            message=failure.message,
            type=rule.type,
            param=failure.param,
            code=failure.kind.value,
        )
    )


def failure_response(request: Request[Any, Any, Any], exc: Exception) -> Response[ErrorBody]:
    """Answer a failed request."""
    failure = told(exc, request.scope)
    return Response(
        error_body(failure),
        status_code=RULES[failure.kind].status,
        headers=failure_headers(failure),
    )


def http_response(request: Request[Any, Any, Any], exc: HTTPException) -> Response[ErrorBody]:
    """Answer what Litestar itself refuses."""
    status = exc.status_code
    kind = "invalid_request_error" if status < 500 else "server_error"
    words = _WORDS.get(type(exc), exc.detail)
    message = f"{words}: {request.method} {request.url.path}"
    error = Error(message=message, type=kind, param=None, code=HTTP_CODES.get(status))
    return Response(ErrorBody(error), status_code=status, headers=dict(exc.headers or {}))


def disconnected_response(_: Request[Any, Any, Any], __: ClientDisconnected) -> Response[None]:
    """End the request of a client that is gone. Nobody reads this."""
    return Response(None, status_code=CLIENT_CLOSED_REQUEST)


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    Exception: failure_response,
    HTTPException: http_response,
    ClientDisconnected: disconnected_response,
}

ERROR_RESPONSES = {
    400: ResponseSpec(ErrorBody, description="The request is wrong; `param` names the field."),
    404: ResponseSpec(ErrorBody, description="No model of that name is served."),
    413: ResponseSpec(ErrorBody, description="The body is larger than the server reads."),
    415: ResponseSpec(ErrorBody, description="The body is packed in a way that is not read here."),
    429: ResponseSpec(ErrorBody, description="Too many requests wait already."),
    503: ResponseSpec(ErrorBody, description="The model is not ready, or died on the request."),
}
"""For the OpenAPI document."""
