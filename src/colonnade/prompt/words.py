"""Tool calls and their results as plain text, for templates that have no place for them.

The form is that of Hermes, which many models have seen and which ``calls.generic`` describes to
those that have not. Where a template drops calls of a family that has its own form, that form it
is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias

from colonnade.prompt.arguments import read_arguments

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

Call: TypeAlias = tuple[str, Any]
"""A function's name and its arguments: an object, or text that is none."""
Writer: TypeAlias = Callable[["Sequence[Call]"], str]


def write_calls(calls: Sequence[Call]) -> str:
    """Write calls in the generic form, a block for each."""
    return "\n".join(f"<tool_call>\n{_json(*call)}\n</tool_call>" for call in calls)


def write_result(text: str) -> str:
    """Write a call's result in the generic form."""
    return f"<tool_response>\n{text}\n</tool_response>"


def writer(source: str) -> Writer:
    """Choose how calls are written for a template that drops them, by its source."""
    return next((write for mark, write in _FAMILIES if mark in source), write_calls)


def put_calls(messages: Sequence[Mapping[str, Any]], write: Writer) -> list[dict[str, Any]]:
    """Move the calls of each message into the text of its content."""
    return [_with_calls(message, write) for message in messages]


def put_results(
    messages: Sequence[Mapping[str, Any]],
    *,
    known: Collection[object] = (),
    strings: bool = True,
) -> list[dict[str, Any]]:
    """Make users' messages of results, one of neighbours.

    Results of the ``known`` calls, by id, are left as they are. ``strings``: content is to be a
    string, not a list of parts.
    """
    put: list[dict[str, Any]] = []
    for are_put, group in groupby(messages, key=lambda each: _is_result(each, known)):
        if are_put:
            text = "\n".join(write_result(_text(result.get("content"))) for result in group)
            content = text if strings else [{"type": "text", "text": text}]
            put.append({"role": "user", "content": content})
        else:
            put += map(dict, group)
    return put


def call_ids(messages: Sequence[Mapping[str, Any]]) -> set[str]:
    """The ids of all calls in a conversation. What is no text is none."""
    calls = (call for message in messages for call in message.get("tool_calls") or ())
    ids = (call.get("id") for call in calls if isinstance(call, dict))
    return {call_id for call_id in ids if isinstance(call_id, str)}


def _is_result(message: Mapping[str, Any], known: Collection[object]) -> bool:
    call_id = message.get("tool_call_id")
    return message.get("role") == "tool" and not (isinstance(call_id, str) and call_id in known)


def _with_calls(message: Mapping[str, Any], write: Writer) -> dict[str, Any]:
    plain = dict(message)
    calls = plain.pop("tool_calls", None)
    if not isinstance(calls, list) or not calls:
        return plain
    text = write([_call(call) for call in calls])
    content = plain.get("content")
    if isinstance(content, list):
        plain["content"] = [*content, {"type": "text", "text": text}]
    else:
        plain["content"] = f"{content}\n{text}" if content else text
    return plain


def _call(call: Any) -> Call:  # noqa: ANN401 - a client's JSON
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return "", call
    return str(function.get("name") or ""), read_arguments(function.get("arguments"))


def _text(content: object) -> str:
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if isinstance(part.get("text"), str))
    return content if isinstance(content, str) else ""


def _json(name: str, arguments: object) -> str:
    return json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)


def _granite(calls: Sequence[Call]) -> str:
    return f"<|tool_call|>[{', '.join(_json(*call) for call in calls)}]"


def _lfm2(calls: Sequence[Call]) -> str:
    return f"<|tool_call_start|>[{', '.join(_python(*call) for call in calls)}]<|tool_call_end|>"


def _python(name: str, arguments: object) -> str:
    if not isinstance(arguments, dict):
        return f"{name}({arguments!r})"
    return f"{name}({', '.join(f'{key}={_literal(arguments[key])}' for key in arguments)})"


def _literal(value: object) -> str:
    """A JSON value in Python's notation, its strings in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_literal(key)}: {_literal(value[key])}' for key in value)}}}"
    return repr(value)


_FAMILIES: tuple[tuple[str, Writer], ...] = (
    ("<|tool_call|>", _granite),
    ("List of tools: ", _lfm2),
)
"""(mark in the source, writer) of the families whose templates show tools and drop calls."""
