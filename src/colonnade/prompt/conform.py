"""Put each message into the form that a template reads, whatever form the client gave it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.arguments import read_arguments
from colonnade.prompt.history import pair, thought, without_thought
from colonnade.prompt.media import MediaPlace, has_places
from colonnade.prompt.traits import Talk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from colonnade.prompt.traits import Traits

_TEXT_TYPES = frozenset({None, "text", "input_text", "output_text"})
_SHORT_ID = 9


def conform(messages: Sequence[Mapping[str, Any]], traits: Traits) -> list[dict[str, Any]]:
    """Copy the messages in the form that a template of these traits reads.

    Raises:
        Failure: unsupported, when a content part is not text.
    """
    return [_message(message, traits) for message in pair(messages)]


def _message(message: Mapping[str, Any], traits: Traits) -> dict[str, Any]:
    # Clients replay our own answers with every absent field as null, where templates test
    # whether a field is there.
    plain = {key: value for key, value in message.items() if value is not None}
    if plain.get("role") == "developer" and not traits.developer:
        plain["role"] = "system"
    role = plain.get("role")
    as_list = isinstance(role, str) and role in traits.list_roles
    plain["content"] = _content(plain.get("content", ""), as_list, traits)
    calls = plain.pop("tool_calls", None)
    if isinstance(calls, list) and calls:
        plain["tool_calls"] = [_call(call, traits) for call in calls]
        if traits.talk is Talk.PLAN and plain["content"]:
            plain[Talk.PLAN.value] = _as_text(plain["content"])
            plain["content"] = ""
        plain["content"] = plain["content"] or traits.empty_content
    call_id = plain.get("tool_call_id")
    if role == "tool" and isinstance(call_id, str):
        plain["tool_call_id"] = _id(call_id, traits)
    return _thinking(plain, traits) if role == "assistant" else plain


def _thinking(message: dict[str, Any], traits: Traits) -> dict[str, Any]:
    """Put the thought of an answer where the template looks for it, and nowhere else."""
    text = thought(message)
    plain = without_thought(message)
    if not text:
        return plain
    if traits.thoughts != "content":
        return {**plain, traits.thoughts: text}
    content = plain["content"] or []
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    return {**plain, "content": [{"type": "thinking", "thinking": text}, *content]}


def _as_text(content: Any) -> str:  # noqa: ANN401
    return content if isinstance(content, str) else "\n".join(part["text"] for part in content)


def _content(content: object, as_list: bool, traits: Traits) -> object:
    if isinstance(content, dict):
        content = [content]
    if isinstance(content, list | tuple):
        if has_places(content):
            text = _with_media(content)
            return text if traits.strings else [{"type": "text", "text": text}]
        texts = [_text(part) for part in content]
        if as_list or not traits.strings:
            return [{"type": "text", "text": text} for text in texts]
        return "\n".join(texts)
    if isinstance(content, str) and content and not traits.strings:
        return [{"type": "text", "text": content}]
    return content


def _with_media(parts: Sequence[object]) -> str:
    """One text, as llama-server makes it: each text on a line of its own, but no line ends beside a
    picture or a sound."""
    text, beside = "", True
    for part in parts:
        is_media = isinstance(part, MediaPlace)
        text += "" if is_media or beside else "\n"
        text += part.text if isinstance(part, MediaPlace) else _text(part)
        beside = is_media or not text
    return text


def _text(part: object) -> str:
    """Read one content part. Raises ``Failure`` when it is not text."""
    if isinstance(part, str):
        return part
    kind = part.get("type") if isinstance(part, dict) else type(part).__name__
    if isinstance(part, dict) and isinstance(kind, str | None):
        text = part.get("refusal") if kind == "refusal" else part.get("text")
        if isinstance(text, str) and (kind in _TEXT_TYPES or kind == "refusal"):
            return text
    msg = f"This model reads text only, but a message has a content part of type {kind!r}."
    raise Failure(FailureKind.UNSUPPORTED, msg, param="messages")


def _call(call: Any, traits: Traits) -> Any:  # noqa: ANN401 - a client's JSON
    """Copy one tool call, with its arguments as the template wants them."""
    if not isinstance(call, dict) or not isinstance(function := call.get("function"), dict):
        return call
    arguments = function.get("arguments")
    plain = {"type": "function", **call}
    plain["function"] = {**function, "arguments": _arguments(arguments, traits)}
    if isinstance(call_id := call.get("id"), str):
        plain["id"] = _id(call_id, traits)
    return plain


def _arguments(arguments: object, traits: Traits) -> object:
    """Give arguments as an object or as JSON; what is neither stays as the model wrote it."""
    value = read_arguments(arguments)
    if not traits.argument_objects:
        if isinstance(arguments, str):
            return arguments if value else "{}"
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict) or traits.argument_text:
        return value
    return {"arguments": value}


def _id(call_id: str, traits: Traits) -> str:
    """Return the id itself, or a short one that is the same for the same id."""
    if not traits.short_ids or (len(call_id) == _SHORT_ID and call_id.isalnum()):
        return call_id
    return hashlib.sha256(call_id.encode("utf-8", "replace")).hexdigest()[:_SHORT_ID]
