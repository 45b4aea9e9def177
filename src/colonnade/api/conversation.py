"""From the messages of a chat request to what a chat template reads."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec

from colonnade.api.schema.conversation import (
    AssistantMessage,
    FilePart,
    InputVideoPart,
    MediaContent,
    VideoPart,
)
from colonnade.messages import Failure, FailureKind
from colonnade.prompt.media import MediaPlace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from colonnade.api.schema.conversation import Message

_UNREAD = {VideoPart: "Films", InputVideoPart: "Films", FilePart: "Files"}


def plain_messages(messages: Sequence[Message]) -> tuple[Mapping[str, Any], ...]:
    """The messages as plain objects: ``content`` always there, what is not set left out, a place
    for each picture and sound in the order in which they come.

    Raises:
        Failure: a message holds something that is read nowhere, or not there.
    """
    for number, message in enumerate(messages):
        _refuse_unread(message, f"messages[{number}]")
    places = map(MediaPlace, count())
    return tuple(_plain(message, places) for message in messages)


def _plain(message: Message, places: Iterator[MediaPlace]) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(message)
    plain.setdefault("content", None)
    if isinstance(message.content, list):
        plain["content"] = [
            next(places) if isinstance(part, MediaContent) else as_plain
            for part, as_plain in zip(message.content, plain["content"], strict=True)
        ]
    # An answer that is a refusal has its text there; templates look for it in the content.
    if refusal := plain.pop("refusal", None):
        plain["content"] = plain["content"] or refusal
    for call in plain.get("tool_calls", ()):
        call.setdefault("type", "function")
    return plain


def _refuse_unread(message: Message, path: str) -> None:
    answer = isinstance(message, AssistantMessage)
    if isinstance(message, AssistantMessage) and message.audio is not None:
        raise _unread("The sound of an earlier answer is not read.", f"{path}.audio")
    if not isinstance(message.content, list):
        return
    for number, part in enumerate(message.content):
        param = f"{path}.content[{number}]"
        if what := _UNREAD.get(type(part)):
            raise _unread(f"{what} are not read here, only text, pictures and sounds.", param)
        if answer and isinstance(part, MediaContent):
            raise _unread("An assistant's message holds text alone.", param)


def _unread(message: str, param: str) -> Failure:
    return Failure(FailureKind.UNSUPPORTED, message, param=param)
