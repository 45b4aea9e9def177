"""The body of every error."""

from msgspec import Struct


class Error(Struct, kw_only=True):
    """What went wrong. ``param`` is the path to the field at fault: ``messages[0].role``."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(Struct):
    """The one top-level key that clients look for."""

    error: Error
