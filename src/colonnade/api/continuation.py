"""Whether an answer goes on with the last message of its conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from colonnade.api.schema.conversation import AssistantMessage
from colonnade.messages import Failure, FailureKind
from colonnade.prompt.continuation import Part, content_text
from colonnade.prompt.history import thought

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from colonnade.api.schema.chat import ChatRequest
    from colonnade.api.schema.conversation import Message


def continued_part(
    request: ChatRequest, messages: Sequence[Mapping[str, Any]], *, unasked: bool
) -> Part | None:
    """What of the last message the answer goes on with, None for a message of its own.

    ``messages`` are the request's in plain. ``unasked``: a last message of an assistant that calls
    nothing goes on where the request does not say otherwise, as llama-server has it.

    Raises:
        Failure: the request wants a message of its own, too.
    """
    wish = request.continue_final_message
    own = request.add_generation_prompt
    if own is None:
        own = (request.chat_template_kwargs or {}).get("add_generation_prompt")
    if wish is None and unasked and not own:
        wish = _is_open(request.messages[-1])
    if not wish:
        return None
    if own:
        msg = (
            "'continue_final_message' and 'add_generation_prompt' cannot both be true: an answer "
            "goes on with the last message, or begins behind it."
        )
        raise Failure(FailureKind.INVALID_REQUEST, msg, param="continue_final_message")
    if isinstance(wish, str):
        return Part(wish)
    return _part(messages[-1])


def echoed(request: ChatRequest) -> str:
    """The text that the request wants before each answer's."""
    last = request.messages[-1]
    if not request.echo or not isinstance(last, AssistantMessage):
        return ""
    return content_text(msgspec.to_builtins(last.content)) or last.refusal or ""


def _is_open(message: Message) -> bool:
    return isinstance(message, AssistantMessage) and not (
        message.tool_calls or message.function_call
    )


def _part(message: Mapping[str, Any]) -> Part:
    """The content, or else a thought with nothing behind it."""
    if not content_text(message.get("content")) and thought(message):
        return Part.THOUGHT
    return Part.CONTENT
