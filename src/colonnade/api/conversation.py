"""From the messages of a chat request to what a chat template reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from colonnade.api.schema.conversation import (
    AssistantMessage,
    AudioPart,
    FilePart,
    ImagePart,
    VideoPart,
)
from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from colonnade.api.schema.conversation import Message


def plain_messages(messages: Sequence[Message]) -> tuple[Mapping[str, Any], ...]:
    """The messages as plain objects: ``content`` always there, what is not set left out.

    Raises:
        Failure: a message holds something else than text.
    """
    for number, message in enumerate(messages):
        _refuse_media(message, f"messages[{number}]")
    return tuple(_plain(message) for message in messages)


def _plain(message: Message) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(message)
    plain.setdefault("content", None)
    # An answer that is a refusal has its text there; templates look for it in the content.
    if refusal := plain.pop("refusal", None):
        plain["content"] = plain["content"] or refusal
    for call in plain.get("tool_calls", ()):
        call.setdefault("type", "function")
    return plain


def _refuse_media(message: Message, path: str) -> None:
    if isinstance(message, AssistantMessage) and message.audio is not None:
        raise _text_only(f"{path}.audio")
    if isinstance(message.content, list):
        for number, part in enumerate(message.content):
            if isinstance(part, ImagePart | AudioPart | VideoPart | FilePart):
                raise _text_only(f"{path}.content[{number}]")


def _text_only(param: str) -> Failure:
    return Failure(FailureKind.UNSUPPORTED, "This model takes text only.", param=param)
