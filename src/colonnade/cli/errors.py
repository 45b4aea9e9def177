"""The failure of a command that no other room has a word for."""

from __future__ import annotations


class CommandError(Exception):
    """The command cannot go on; the message is one line for the user."""
