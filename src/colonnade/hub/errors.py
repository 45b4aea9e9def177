"""The ways in which this room fails."""

from __future__ import annotations


class ModelError(Exception):
    """The model cannot be had; the message is one line for the user."""


class ManyModelsError(ModelError):
    """What is asked for may mean several models."""


class HubError(ModelError):
    """The hub answers, and not as a hub does."""


class NoRoomError(ModelError):
    """The disk has too little room for a download."""


class FetchStopped(ModelError):  # noqa: N818 - nothing went wrong
    """A download was stopped on request; what had come is kept."""
