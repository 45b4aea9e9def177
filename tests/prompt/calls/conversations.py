"""Tools, calls of them, and what a template makes of both."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from colonnade.prompt.calls import Tool, ToolUse
from colonnade.prompt.output import CallArguments, CallStart, Content, OutputParser, Reasoning
from tests.prompt.calls.families import DONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from colonnade.prompt import ChatTemplate
    from colonnade.prompt.calls import CallFormat
    from colonnade.prompt.output import Parsed

Call = tuple[str, dict[str, Any]]

PLACE = {
    "type": "object",
    "properties": {
        "days": {"type": "integer"},
        "exact": {"type": "boolean"},
        "place": {"type": "string"},
        "within": {
            "type": "object",
            "properties": {"km": {"type": "number"}, "of": {"type": "array"}},
            "additionalProperties": False,
        },
    },
    "required": ["place"],
}
WEATHER = Tool("get.weather", "The weather of a place.", PLACE)
ALARM = Tool(
    "set-alarm",
    None,
    {"type": "object", "properties": {"at": {"type": "string", "enum": ["noon", "night"]}}},
)
NOW = Tool("now", None, {})
TOOLS = (WEATHER, ALARM, NOW)
USE = ToolUse(TOOLS)

CALLS: tuple[Call, ...] = (
    (
        "get.weather",
        {
            "days": 3,
            "exact": True,
            "place": 'Ávila "la Vieja"\n\t\\ 東京 🗼',
            "within": {"km": 1.5, "of": ["a", 2, None]},
        },
    ),
    ("set-alarm", {"at": "noon"}),
    ("now", {}),
)


def answer(template: ChatTemplate, calls: Sequence[Call], tools: Sequence[Tool] = TOOLS) -> str:
    """The text of an answer of calls, as the template writes it between its messages' frames."""
    written = [
        {
            "id": f"abcdefgh{index}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)},
        }
        for index, (name, arguments) in enumerate(calls)
    ]
    messages = [
        {"role": "user", "content": "Please."},
        {"role": "assistant", "content": "", "tool_calls": written},
    ]
    shown = [
        {"type": "function", "function": {"name": tool.name, "parameters": dict(tool.parameters)}}
        for tool in tools
    ]
    text = template.render(messages, {"tools": shown, "add_generation_prompt": False})
    return text.rpartition("<|assistant|>")[2].removesuffix(DONE)


def parse(
    format: CallFormat | None,  # noqa: A002
    pieces: Iterable[str],
    tools: tuple[Tool, ...] = TOOLS,
    **settings: Any,
) -> list[Parsed]:
    """Everything in an answer, neighbours of a kind joined."""
    parser = OutputParser(
        format, settings.pop("reasoning", None), tools, **{"thinking": False, **settings}
    )
    events: list[Parsed] = []
    for piece in pieces:
        events += parser.feed(piece)
    return joined([*events, *parser.finish()])


def joined(events: Iterable[Parsed]) -> list[Parsed]:
    """Join neighbours of a kind."""
    found: list[Parsed] = []
    for event in events:
        last = found[-1] if found else None
        match last, event:
            case (Content(), Content()) | (Reasoning(), Reasoning()):
                found[-1] = type(event)(last.text + event.text)
            case (CallArguments(index), CallArguments(other)) if index == other:
                found[-1] = CallArguments(index, last.text + event.text)
            case _:
                found.append(event)
    return found


def calls_of(events: Iterable[Parsed]) -> list[Call]:
    """The calls among events, their arguments decoded."""
    names: dict[int, str] = {}
    texts: dict[int, str] = {}
    for event in events:
        match event:
            case CallStart(index, name):
                assert index == len(names)
                names[index] = name
                texts[index] = ""
            case CallArguments(index, text):
                texts[index] += text
            case _:
                pass
    return [(name, json.loads(texts[index])) for index, name in names.items()]


def content_of(events: Iterable[Parsed]) -> str:
    """The content among events."""
    return "".join(event.text for event in events if isinstance(event, Content))
