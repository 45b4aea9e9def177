"""Tool calls and their results in a replayed conversation: one shape for all, paired by their ids.

Clients replay what other servers wrote, in older forms, without ids or with the same id twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INPUT = "input"
"""The one parameter of a custom tool as the model sees it."""

THOUGHTS = ("reasoning_content", "reasoning", "thinking")
"""The fields that servers put a thought into, and clients replay it in."""


def pair(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Copy the messages, with each result under the id and the name of the call that it answers.

    Functions of the API's first form become tools, and custom calls become calls with the one
    argument ``input``. Calls without an id get one; a result whose id is missing or unknown belongs
    to the first call that has no result yet.
    """
    copies = [dict(message) for message in messages]
    waiting: list[tuple[str, str]] = []
    names: dict[str, str] = {}
    for index, message in enumerate(copies):
        if message.get("role") == "function":
            message["role"] = "tool"
        if message.get("role") == "tool":
            _answer(message, waiting, names)
        elif calls := _calls(message, index):
            message.pop("function_call", None)
            message["tool_calls"] = calls
            waiting = [_label(call) for call in calls]
            names.update(waiting)
    return copies


def thought(message: Mapping[str, Any]) -> str:
    """Find the thought of a replayed answer under any of the names in use; empty for none."""
    for field in THOUGHTS:
        text = message.get(field)
        if isinstance(text, str) and text.strip():
            return text
    return ""


def without_thought(message: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a message without its thought."""
    return {key: value for key, value in message.items() if key not in THOUGHTS}


def split(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give each call a message of its own, its result behind it, for templates that know one."""
    ordered: list[dict[str, Any]] = []
    left = [dict(message) for message in messages]
    while left:
        message = left.pop(0)
        calls = message.get("tool_calls")
        if not isinstance(calls, list) or len(calls) < 2:
            ordered.append(message)
            continue
        results: list[dict[str, Any]] = []
        while left and left[0].get("role") == "tool":
            results.append(left.pop(0))
        ordered += _one_by_one(message, calls, results)
    return ordered


def part(messages: Sequence[Mapping[str, Any]], empty: str | None) -> list[dict[str, Any]]:
    """Give the text before calls a message of its own, for templates that write one of the two.

    ``empty`` is the content of a message that only calls.
    """
    parted: list[dict[str, Any]] = []
    for message in messages:
        if message.get("tool_calls") and message.get("content"):
            parted.append({key: message[key] for key in message if key != "tool_calls"})
            parted.append({**without_thought(message), "content": empty})
        else:
            parted.append(dict(message))
    return parted


def _one_by_one(
    message: Mapping[str, Any], calls: Sequence[Any], results: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    ordered: list[dict[str, Any]] = []
    for number, call in enumerate(calls):
        # text and thought came before the calls, so they stay with the first
        rest = {**message} if number == 0 else {"role": message.get("role"), "content": ""}
        ordered.append({**rest, "tool_calls": [call]})
        call_id = call.get("id") if isinstance(call, dict) else None
        own = next((r for r in results if call_id and r.get("tool_call_id") == call_id), None)
        if own is not None:
            results.remove(own)
            ordered.append(own)
    return [*ordered, *results]


def _calls(message: Mapping[str, Any], index: int) -> list[Any]:
    """A message's calls in one shape, each with an id."""
    calls = message.get("tool_calls")
    function = message.get("function_call")
    if not isinstance(calls, list | tuple):
        calls = []
    if not calls and isinstance(function, dict):
        calls = [{"function": function}]
    return [_call(call, f"call_{index:04}{number:04}") for number, call in enumerate(calls)]


def _call(call: Any, call_id: str) -> Any:  # noqa: ANN401 - a client's JSON
    if not isinstance(call, dict):
        return call
    plain = {key: value for key, value in call.items() if value is not None}
    if not isinstance(plain.get("id"), str) or not plain["id"]:
        plain["id"] = call_id
    if isinstance(custom := plain.pop("custom", None), dict) and "function" not in plain:
        arguments = {INPUT: custom.get("input") or ""}
        plain["function"] = {"name": custom.get("name"), "arguments": arguments}
    return {**plain, "type": "function"}


def _label(call: Any) -> tuple[str, str]:  # noqa: ANN401 - a client's JSON
    """A call's id and the name of its function, empty where there is none."""
    if not isinstance(call, dict):
        return "", ""
    function = call.get("function")
    return call["id"], _text(function.get("name")) if isinstance(function, dict) else ""


def _answer(
    result: dict[str, Any], waiting: list[tuple[str, str]], names: Mapping[str, str]
) -> None:
    """Put a result under the call that it answers, and take that from those that wait."""
    given, name = _text(result.get("tool_call_id")), _text(result.get("name"))
    candidates = [
        *(call for call in waiting if given and call[0] == given),
        *(call for call in waiting if name and call[1] == name and given not in names),
        *(call for call in waiting if given not in names),
    ]
    if candidates:
        waiting.remove(candidates[0])
        given, called = candidates[0]
        name = name or called
    result["tool_call_id"] = given or "call_00000000"
    if name := name or names.get(given, ""):
        result["name"] = name


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
