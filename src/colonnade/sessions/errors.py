"""The one way in which this room fails."""

from __future__ import annotations

from colonnade.messages import Failure, FailureKind


class SessionError(Failure):
    """The session database cannot be opened or used.

    The message is for any client and names no place; ``detail`` is one line for the operator.
    """

    def __init__(self, detail: str, *, full: bool = False) -> None:
        if full:
            kind, message = FailureKind.STORAGE_FULL, "There is no room left to keep sessions."
        else:
            kind, message = FailureKind.STORAGE_FAILED, "Sessions cannot be read or kept now."
        super().__init__(kind, message, detail=detail)

    def __str__(self) -> str:
        """The line for the operator."""
        return self.detail
