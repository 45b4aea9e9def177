"""How many things a chat request may hold. Each costs some microseconds on the event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colonnade.api.schema.conversation import AssistantMessage
from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colonnade.api.schema.chat import ChatRequest
    from colonnade.api.schema.conversation import Message


def check_counts(request: ChatRequest, most_messages: int, most_tools: int) -> None:
    """Refuse a request of too many messages, parts and calls of messages, or tools, before anything
    is made of them.

    Raises:
        Failure: invalid_request, with the field's name.
    """
    _check("messages", request.messages, most_messages)
    pieces = sum(map(_pieces, request.messages))
    if pieces > most_messages:
        msg = f"All messages together have {pieces} parts and calls; {most_messages} are allowed."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param="messages")
    _check("tools", request.tools, most_tools)
    _check("functions", request.functions, most_tools)
    _check("documents", request.documents, most_messages)
    _check("samplers", request.samplers, most_tools)


def _pieces(message: Message) -> int:
    parts = len(message.content) if isinstance(message.content, list) else 0
    calls = message.tool_calls if isinstance(message, AssistantMessage) else None
    return parts + len(calls or ())


def _check(field: str, values: Sequence[Any] | None, most: int) -> None:
    if isinstance(values, list) and len(values) > most:
        msg = f"There are {len(values)} {field}; {most} are allowed."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param=field)
