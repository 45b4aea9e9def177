"""What a parsed answer consists of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Content:
    """More of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """More of the thought before the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class CallStart:
    """A tool call begins. ``index`` counts from 0; ``id`` is the model's own, None where its format
    has none."""

    index: int
    name: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class CallArguments:
    """More of a call's arguments: pieces of one JSON object's text, or of a custom tool's input."""

    index: int
    text: str


Parsed = Content | Reasoning | CallStart | CallArguments
