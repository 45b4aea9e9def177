"""The one way in which this room fails."""

from __future__ import annotations


class SessionError(Exception):
    """The session database cannot be opened or used; the message is one line for the user."""
