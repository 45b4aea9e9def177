"""The one table of failures: what each kind means to a client, whatever the door's own words."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from colonnade.messages import Failure, FailureKind
from colonnade.web.observed import failed

if TYPE_CHECKING:
    from litestar.types import Scope

log = logging.getLogger(__name__)


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
    FailureKind.NO_MODEL: Rule(503, "server_error", 2, should_retry=True),
    FailureKind.MODEL_FAILED: Rule(503, "server_error", should_retry=False),
    FailureKind.DEADLY_REQUEST: Rule(422, "invalid_request_error", should_retry=False),
    FailureKind.TIMEOUT: Rule(504, "server_error", should_retry=False),
    FailureKind.UNAUTHORIZED: Rule(401, "authentication_error"),
    FailureKind.FORBIDDEN: Rule(403, "permission_error"),
    FailureKind.UNKNOWN_HOST: Rule(421, "invalid_request_error"),
    FailureKind.FOREIGN_ORIGIN: Rule(403, "permission_error"),
    FailureKind.UNSUPPORTED_MEDIA_TYPE: Rule(415, "invalid_request_error"),
    FailureKind.RATE_LIMITED: Rule(429, "rate_limit_error", 1, should_retry=True),
    FailureKind.QUOTA_EXCEEDED: Rule(429, "insufficient_quota", should_retry=False),
    FailureKind.WORKER_DIED: Rule(503, "server_error", 1, should_retry=True),
    FailureKind.STORAGE_FULL: Rule(507, "server_error", should_retry=False),
    FailureKind.STORAGE_FAILED: Rule(503, "server_error", 2, should_retry=True),
    FailureKind.SHUTTING_DOWN: Rule(503, "server_error", 5, should_retry=True),
    FailureKind.INTERNAL: Rule(500, "server_error", should_retry=False),
}


class ClientDisconnected(Exception):  # noqa: N818 - nobody's error
    """The client went away before its answer was there."""


def told(exc: Exception, scope: Scope) -> Failure:
    """What the client of a request is told of an exception; see ``told_at``."""
    route = cast("dict[str, Any]", scope).get("path_template", "no route")
    return told_at(exc, f"Request {scope['state'].get('request_id')} ({route})")


def told_at(exc: Exception, where: str) -> Failure:
    """What a client is told of an exception; the log gets what the server is to blame for.

    A ``Failure`` speaks for itself. Of a fault of our own only the log has the details.
    """
    failed(exc.kind.value if isinstance(exc, Failure) else FailureKind.INTERNAL.value)
    if not isinstance(exc, Failure):
        log.error("%s failed", where, exc_info=exc)
        return Failure(FailureKind.INTERNAL, "The server failed on this request.")
    if RULES[exc.kind].status >= 500:
        log.warning("%s: %s", where, exc.detail)
    return exc


def failure_headers(failure: Failure) -> dict[str, str]:
    """What helps a client beside the body: when to come back, and how to come in."""
    rule = RULES[failure.kind]
    headers: dict[str, str] = {}
    if failure.kind is FailureKind.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    wait = rule.retry_after if failure.retry_after is None else failure.retry_after
    if wait is not None:
        headers["retry-after"] = str(max(1, math.ceil(wait)))
        headers["retry-after-ms"] = str(math.ceil(wait * 1000))
    if rule.should_retry is not None:
        headers["x-should-retry"] = "true" if rule.should_retry else "false"
    return headers
