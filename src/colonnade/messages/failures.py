"""The kinds of failure, and the one exception that carries them through the house."""

from __future__ import annotations

from enum import StrEnum


class FailureKind(StrEnum):
    """Why a request was not served. Doors map each kind to their own status and body."""

    INVALID_REQUEST = "invalid_request"
    """The request itself is wrong; ``param`` names the field."""
    UNSUPPORTED = "unsupported"
    """A well-formed wish that this model or server cannot fulfil."""
    TEMPLATE_REFUSED = "template_refused"
    """The model's chat template refused the messages; the message is the template's own."""
    CONTEXT_LENGTH_EXCEEDED = "context_length_exceeded"
    """The prompt does not fit the context."""
    MODEL_NOT_FOUND = "model_not_found"
    """No model of that name is served."""
    MODEL_UNAVAILABLE = "model_unavailable"
    """The model is known but not ready: restarting after a crash, or being unloaded."""
    NO_MODEL = "no_model"
    """No model is loaded at all."""
    QUEUE_FULL = "queue_full"
    """Too many requests wait already; ``retry_after`` says when to come back."""
    WORKER_DIED = "worker_died"
    """The worker process ended under the request; its successor serves the next one."""
    MODEL_FAILED = "model_failed"
    """The model's file could not be loaded again and again; nobody tries any more."""
    DEADLY_REQUEST = "deadly_request"
    """Worker processes have died of such a request before."""
    TIMEOUT = "timeout"
    """The answer took longer than the server allows."""
    UNAUTHORIZED = "unauthorized"
    """No key of this server came with the request."""
    FORBIDDEN = "forbidden"
    """The key that came is not allowed to do this."""
    UNKNOWN_HOST = "unknown_host"
    """The request calls the server by a name that it does not have."""
    FOREIGN_ORIGIN = "foreign_origin"
    """A web page sent the request that may not call the server."""
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    """The body is not said to be what it would have to be."""
    RATE_LIMITED = "rate_limited"
    """This client has sent too many requests; ``retry_after`` says when to come back."""
    STORAGE_FULL = "storage_full"
    """There is no room left where it would have to be kept."""
    STORAGE_FAILED = "storage_failed"
    """The database that it is kept in cannot be used now."""
    QUOTA_EXCEEDED = "insufficient_quota"
    """The client's key has been used as much as it may be; ``retry_after`` says until when."""
    SHUTTING_DOWN = "shutting_down"
    """The server is stopping."""
    INTERNAL = "internal"
    """A fault of our own."""


class Failure(Exception):  # noqa: N818 - a failed request, not a fault of the program
    """One request failed. The only exception that rooms raise across their borders.

    ``param`` names the offending field in the words of the endpoint; ``retry_after`` is in seconds;
    ``detail`` is one line that only the operator is told, in place of the message.
    """

    def __init__(
        self,
        kind: FailureKind,
        message: str,
        *,
        param: str | None = None,
        retry_after: float | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.param = param
        self.retry_after = retry_after
        self.detail = detail or message
