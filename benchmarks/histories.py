"""Conversations that chat templates are measured on, and what of them has to be in a prompt."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colonnade.prompt.calls import Tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Message = dict[str, Any]
Call = tuple[str, dict[str, Any]]

FORECAST = Tool(
    "get_forecast",
    "The weather of the next days.",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where."},
            "days": {"type": "integer", "description": "How many days."},
            "exact": {"type": "boolean", "description": "Whether to the minute."},
            "factor": {"type": "number", "description": "By what to multiply."},
            "tags": {"type": "array", "items": {"type": "string"}, "description": "Words."},
            "within": {
                "type": "object",
                "properties": {
                    "km": {"type": "number", "description": "A distance."},
                    "of": {"type": "array", "items": {"type": "string"}, "description": "Places."},
                },
                "required": ["km"],
                "description": "A region.",
            },
        },
        "required": ["city"],
    },
)
CLOCK = Tool(
    "read_clock",
    "The time of a place.",
    {
        "type": "object",
        "properties": {"zone": {"type": "string", "description": "Its time zone."}},
        "required": [],
    },
)
TOOLS = (FORECAST, CLOCK)

ONE: tuple[Call, ...] = (("get_forecast", {"city": "Paris", "days": 3}),)
TWO: tuple[Call, ...] = (*ONE, ("read_clock", {"zone": "Europe/Paris"}))
MIXED: tuple[Call, ...] = (
    (
        "get_forecast",
        {
            "city": 'Ávila "la Vieja" <b> & \\ 東京\nline 2',
            "days": 3,
            "exact": True,
            "factor": 1.5,
            "tags": ["a", "b c"],
            "within": {"km": 2.5, "of": ["x", "y"]},
        },
    ),
)
EMPTY: tuple[Call, ...] = (("read_clock", {}),)
CALLS: Mapping[str, tuple[Call, ...]] = {
    "one call": ONE,
    "two calls": TWO,
    "mixed types": MIXED,
    "no arguments": EMPTY,
}


@dataclass(frozen=True, slots=True)
class History:
    """A conversation as a client sends it. ``words`` are those that a prompt has to hold."""

    messages: tuple[Message, ...]
    words: tuple[str, ...]
    tools: tuple[Tool, ...] = ()


def user(text: str) -> Message:
    """A user's message."""
    return {"role": "user", "content": text}


def answer(calls: Sequence[Call], text: str = "") -> Message:
    """An assistant's message with calls."""
    written = [
        {
            "id": f"abcdefgh{index}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)},
        }
        for index, (name, arguments) in enumerate(calls)
    ]
    return {"role": "assistant", "content": text or None, "tool_calls": written}


def results(calls: Sequence[Call], *texts: str) -> Iterator[Message]:
    """What the tools said."""
    for index, ((name, _), text) in enumerate(zip(calls, texts, strict=True)):
        call_id = f"abcdefgh{index}"
        yield {"role": "tool", "tool_call_id": call_id, "name": name, "content": text}


_SYSTEM: Message = {"role": "system", "content": "Be zqbrief."}
_FIRST, _SECOND = user("Where is zqparis?"), user("And zqlyon?")
_SAID: Message = {"role": "assistant", "content": "In zqfrance."}

HISTORIES: Mapping[str, History] = {
    "plain": History((_FIRST,), ("zqparis",)),
    "system": History((_SYSTEM, _FIRST), ("zqbrief", "zqparis")),
    "turns": History(
        (_SYSTEM, _FIRST, _SAID, _SECOND), ("zqbrief", "zqparis", "zqfrance", "zqlyon")
    ),
    "tools": History(
        (_SYSTEM, _FIRST), ("zqbrief", "zqparis", "get_forecast", "read_clock", "zone"), TOOLS
    ),
    "a call": History(
        (_FIRST, answer(ONE), *results(ONE, "zqsunny")),
        ("zqparis", "get_forecast", "read_clock", "zone", "Paris", "zqsunny"),
        TOOLS,
    ),
    "several calls": History(
        (_FIRST, answer(TWO), *results(TWO, "zqsunny", "zqnoon"), _SAID, _SECOND),
        ("zqparis", "read_clock", "within", "Europe/Paris", "zqsunny", "zqnoon", "zqlyon"),
        TOOLS,
    ),
    "a thought": History(
        (_FIRST, {**_SAID, "reasoning_content": "Let me zqponder."}, _SECOND),
        ("zqparis", "zqfrance", "zqlyon"),
    ),
}
"""By what is in them. Thoughts of earlier turns are dropped by many templates, which is right."""


def shapes(history: History) -> Iterator[list[Message]]:
    """The shapes in which somebody would give a history to a template itself: arguments as an
    object or as JSON, no content or an empty one, content as a string or as parts."""
    choices = itertools.product((False, True), (True, False), (None, ""))
    for parts, objects, empty in choices:
        yield [
            _shaped(message, parts=parts, objects=objects, empty=empty)
            for message in history.messages
        ]


def _shaped(message: Message, *, parts: bool, objects: bool, empty: str | None) -> Message:
    shaped = dict(message)
    if shaped["content"] is None:
        shaped["content"] = empty
    elif parts:
        thought = shaped.get("reasoning_content")
        thoughts = [{"type": "thinking", "thinking": thought}] if thought else []
        shaped["content"] = [*thoughts, {"type": "text", "text": shaped["content"]}]
    if objects and "tool_calls" in shaped:
        shaped["tool_calls"] = [_read(call) for call in shaped["tool_calls"]]
    return shaped


def _read(call: Message) -> Message:
    function = call["function"]
    return {**call, "function": {**function, "arguments": json.loads(function["arguments"])}}
