"""Where the arguments of a call go while they are read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from colonnade.prompt.output.source import Emit


class Sink(Protocol):
    """Takes arguments as pieces of JSON, strings among them as what they say."""

    def json(self, text: str) -> None:
        """Take a piece of JSON as it is."""
        ...

    def quote(self) -> None:
        """Begin or end a string."""
        ...

    def chars(self, text: str) -> None:
        """Take more of a string's characters."""
        ...


class JsonSink:
    """Makes one JSON text of the pieces."""

    __slots__ = ("_emit",)

    def __init__(self, emit: Emit) -> None:
        self._emit = emit

    def json(self, text: str) -> None:
        """See ``Sink``."""
        self._emit(text)

    def quote(self) -> None:
        """See ``Sink``."""
        self._emit('"')

    def chars(self, text: str) -> None:
        """See ``Sink``."""
        self._emit(json.dumps(text, ensure_ascii=False)[1:-1])


class InputSink:
    """Keeps the characters of strings alone: what a custom tool takes is its only string."""

    __slots__ = ("_emit",)

    def __init__(self, emit: Emit) -> None:
        self._emit = emit

    def json(self, text: str) -> None:
        """See ``Sink``."""

    def quote(self) -> None:
        """See ``Sink``."""

    def chars(self, text: str) -> None:
        """See ``Sink``."""
        self._emit(text)
