"""What every family of tools shares: the definition of a tool and its random spellings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .talk import Talk

Request = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool's definition and a maker of requests for it."""

    name: str
    subject: str
    spec: dict[str, Any]
    request: Callable[[Talk], Request]
    repeatable: bool = False
    family: str = "tool"


def style(talk: Talk, *parts: str) -> str:
    """A tool's name from its parts, in one of the usual spellings."""
    style = talk.rng.random()
    if style < 0.75:
        return "_".join(parts)
    if style < 0.9:
        return parts[0] + "".join(part.capitalize() for part in parts[1:])
    return talk.choose("-", ".", "").join(parts)


def define(
    talk: Talk, name: str, about: str, params: dict[str, dict[str, Any]], required: list[str]
) -> dict[str, Any]:
    """A tool's definition as requests send it; what is optional there is sometimes left out."""
    function: dict[str, Any] = {"name": name}
    if talk.chance(0.85):
        function["description"] = about
    schema: dict[str, Any] = {"type": "object", "properties": params}
    if talk.chance(0.85):
        schema["required"] = required
    function["parameters"] = schema
    return {"type": "function", "function": function}


def described(talk: Talk, schema: dict[str, Any], text: str) -> dict[str, Any]:
    """A parameter's schema, sometimes with a description."""
    return {**schema, "description": text} if talk.chance(0.2) else schema


def string_value(talk: Talk) -> str:
    """A value such as people put in a request."""
    words = talk.words
    return talk.choose(
        words.city(),
        words.city(),
        words.name(),
        words.pseudo(1, 3),
        words.phrase(),
        f"{words.name()} {words.pseudo(1, 2).capitalize()}",
    )
