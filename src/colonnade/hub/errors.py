"""The one way in which this room fails."""

from __future__ import annotations


class ModelError(Exception):
    """The model cannot be had; the message is one line for the user."""
