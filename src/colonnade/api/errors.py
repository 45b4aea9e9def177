"""The one table of failures, and how a failure becomes a response.

Also maps what Litestar raises on its own (no such route, wrong method, body too large), so that
every error of this server has OpenAI's shape.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litestar import Response
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec

from colonnade.api.schema.errors import Error, ErrorBody
from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from litestar import Request
    from litestar.types import ExceptionHandlersMap, Scope

log = logging.getLogger(__name__)

CLIENT_CLOSED_REQUEST = 499


@dataclass(frozen=True, slots=True)
class Rule:
    """How one kind of failure looks to a client. The error's code is the kind's own name."""

    status: int
    type: str
    retry_after: float | None = None
    """Seconds to wait where the failure itself does not say; None for no Retry-After."""
    should_retry: bool | None = None
    """``x-should-retry``, which OpenAI's clients obey over their own judgement of the status."""


RULES: dict[FailureKind, Rule] = {
    FailureKind.INVALID_REQUEST: Rule(400, "invalid_request_error"),
    FailureKind.UNSUPPORTED: Rule(400, "invalid_request_error"),
    FailureKind.TEMPLATE_REFUSED: Rule(400, "invalid_request_error"),
    FailureKind.CONTEXT_LENGTH_EXCEEDED: Rule(400, "invalid_request_error"),
    FailureKind.MODEL_NOT_FOUND: Rule(404, "invalid_request_error"),
    FailureKind.QUEUE_FULL: Rule(429, "rate_limit_error", 1, should_retry=True),
    FailureKind.MODEL_UNAVAILABLE: Rule(503, "server_error", 2, should_retry=True),
    FailureKind.WORKER_DIED: Rule(503, "server_error", 1, should_retry=True),
    FailureKind.SHUTTING_DOWN: Rule(503, "server_error", 5, should_retry=True),
    FailureKind.INTERNAL: Rule(500, "server_error", should_retry=False),
}

HTTP_CODES = {
    400: FailureKind.INVALID_REQUEST.value,
    404: "not_found",
    405: "method_not_allowed",
    413: "request_too_large",
}


class ClientDisconnected(Exception):  # noqa: N818 - nobody's error
    """The client went away before its answer was there."""


def told(exc: Exception, scope: Scope) -> Failure:
    """What the client is told of an exception; the log gets what the server is to blame for.

    A ``Failure`` speaks for itself. Of a fault of our own only the log has the details.
    """
    request_id = scope["state"].get("request_id")
    if not isinstance(exc, Failure):
        log.error("Request %s (%s) failed", request_id, scope["path"], exc_info=exc)
        return Failure(FailureKind.INTERNAL, "The server failed on this request.")
    if RULES[exc.kind].status >= 500:
        log.warning("Request %s (%s): %s", request_id, scope["path"], exc.message)
    return exc


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
    rule = RULES[failure.kind]
    headers: dict[str, str] = {}
    wait = rule.retry_after if failure.retry_after is None else failure.retry_after
    if wait is not None:
        headers["retry-after"] = str(max(1, math.ceil(wait)))
        headers["retry-after-ms"] = str(math.ceil(wait * 1000))
    if rule.should_retry is not None:
        headers["x-should-retry"] = "true" if rule.should_retry else "false"
    return Response(error_body(failure), status_code=rule.status, headers=headers)


def http_response(request: Request[Any, Any, Any], exc: HTTPException) -> Response[ErrorBody]:
    """Answer what Litestar itself refuses."""
    status = exc.status_code
    kind = "invalid_request_error" if status < 500 else "server_error"
    message = f"{exc.detail}: {request.method} {request.url.path}"
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
    429: ResponseSpec(ErrorBody, description="Too many requests wait already."),
    503: ResponseSpec(ErrorBody, description="The model is not ready, or died on the request."),
}
"""For the OpenAPI document."""
