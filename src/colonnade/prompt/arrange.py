"""The orders in which a conversation may be put to a template, the most faithful one first."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, TypeAlias

from colonnade.prompt.history import THOUGHTS
from colonnade.prompt.traits import Systems, Traits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Message: TypeAlias = dict[str, Any]
Messages: TypeAlias = "Sequence[Message]"

_SYSTEM_ROLES = ("system", "developer")
_JOINABLE_ROLES = ("user", "assistant")


def arrangements(messages: Messages, traits: Traits) -> Iterator[Messages]:
    """Yield the messages as they should be tried, one after the other until one is not refused."""
    tried: list[Messages] = []
    for place in _places(messages, traits):
        placed = place(messages)
        joined = _joined(placed)
        for candidate in (placed, joined) if traits.repeats else (joined, placed):
            if candidate not in tried:
                tried.append(candidate)
                yield candidate
    if (begun := _begun(tried[0], traits)) is not None:
        yield begun


def _places(messages: Messages, traits: Traits) -> tuple[Callable[[Messages], Messages], ...]:
    """Say what to do with the system messages, best first."""
    systems = [index for index, message in enumerate(messages) if _is_system(message)]
    if not systems:
        return (_as_given,)
    if traits.systems is Systems.NOWHERE:
        return (_folded, _as_given, _in_front)
    if traits.systems is Systems.ANYWHERE or systems == [0]:
        return (_as_given, _in_front, _folded)
    return (_in_front, _as_given, _folded)


def _as_given(messages: Messages) -> Messages:
    return list(messages)


def _in_front(messages: Messages) -> Messages:
    """Make all system messages one, before the others."""
    systems = [message for message in messages if _is_system(message)]
    others = [message for message in messages if not _is_system(message)]
    return [reduce(_join, systems), *others]


def _folded(messages: Messages) -> Messages:
    """Put the system's text before the first user message's, for models that know no system."""
    system, *others = _in_front(messages)
    system = {**system, "role": "user"}
    for index, message in enumerate(others):
        if message.get("role") == "user":
            return [*others[:index], _join(system, message), *others[index + 1 :]]
    return [system, *others]


def _joined(messages: Messages) -> Messages:
    """Make neighbours of one role one message, for templates that insist on alternation."""
    joined: list[Message] = []
    for message in messages:
        role = message.get("role")
        if joined and role in _JOINABLE_ROLES and joined[-1].get("role") == role:
            joined[-1] = _join(joined[-1], message)
        else:
            joined.append(message)
    return joined


def _begun(messages: Messages, traits: Traits) -> Messages | None:
    """Let the user begin, in silence, where the beginning of a conversation was cut off."""
    start = next((i for i, message in enumerate(messages) if not _is_system(message)), None)
    if start is None or messages[start].get("role") == "user":
        return None
    silence = "" if traits.strings else _as_parts("")
    return [*messages[:start], {"role": "user", "content": silence}, *messages[start:]]


def _join(first: Message, second: Message) -> Message:
    """Make two messages one, a blank line between their texts."""
    message = {**second, **first, "content": _join_content(first["content"], second["content"])}
    for field in THOUGHTS:
        if first.get(field) and second.get(field):
            message[field] = _join_content(first[field], second[field])
    calls = [*first.get("tool_calls", ()), *second.get("tool_calls", ())]
    if calls:
        message["tool_calls"] = calls
    return message


def _join_content(first: object, second: object) -> object:
    if not first or not second:
        return first or second
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n\n{second}"
    return [*_as_parts(first), {"type": "text", "text": "\n\n"}, *_as_parts(second)]


def _as_parts(content: object) -> list[Any]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": str(content)}]


def _is_system(message: Message) -> bool:
    return message.get("role") in _SYSTEM_ROLES
