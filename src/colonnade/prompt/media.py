"""Where in a conversation pictures and sounds stand, and where in its prompt.

A chat template sees a text in the place of each, as llama-server has it: what a model wants around
a picture is written where the picture becomes embeddings, not by the template. The text is a number
that is drawn at random and never shown to anybody, so no text of a client's is taken for a picture,
whatever it holds.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DIGITS = 40
"""Of a mark. Nothing but digits: what a template may do to a text, it does to letters."""
_COUNT = 5
"""Digits of a place's number behind the mark."""


@dataclass(frozen=True, slots=True)
class MediaPlace:
    """A part of a message's content that is no text. No object of JSON is one.

    ``index`` counts the pictures and sounds of the conversation; ``text`` is what the template
    sees, once that is known.
    """

    index: int
    text: str = ""


class Cut(NamedTuple):
    """A prompt's texts, one more than there are pictures and sounds, and the number of the one that
    stands behind each but the last."""

    texts: list[str]
    order: list[int]


class MediaMarks:
    """Puts marks into conversations, and finds them again in prompts."""

    def __init__(self) -> None:
        self._mark = "".join(secrets.choice("0123456789") for _ in range(_DIGITS))
        self._found = re.compile(rf"{self._mark}(\d{{{_COUNT}}})", re.ASCII)

    def marked(self, messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The messages, with a mark for each place."""
        return [
            {**message, "content": self._content(message["content"])}
            if _has_places(message)
            else message
            for message in messages
        ]

    def cut(self, prompt: str, count: int) -> Cut:
        """Cut a rendered prompt at the marks, of which there were ``count``.

        Raises:
            Failure: template_refused, where the template left one out, or wrote it twice.
        """
        texts = self._found.split(prompt)
        order = [int(index) for index in texts[1::2]]
        for index in range(count):
            times = order.count(index)
            if times != 1:
                what = "leaves out" if not times else f"writes {times} times"
                msg = f"The chat template {what} number {index + 1} of {count} pictures and sounds."
                raise Failure(FailureKind.TEMPLATE_REFUSED, msg, param="messages")
        return Cut(texts[::2], order)

    def plain(self, text: str) -> str:
        """A text without marks."""
        return self._found.sub("", text)

    def _content(self, parts: Sequence[Any]) -> list[Any]:
        return [
            replace(part, text=f"{self._mark}{part.index:0{_COUNT}}")
            if isinstance(part, MediaPlace)
            else part
            for part in parts
        ]


def count_places(messages: Sequence[Mapping[str, Any]]) -> int:
    """How many pictures and sounds stand in a conversation."""
    contents = (message["content"] for message in messages if _has_places(message))
    return sum(isinstance(part, MediaPlace) for parts in contents for part in parts)


def has_places(content: object) -> bool:
    """Whether a message's content holds a picture or a sound."""
    return isinstance(content, list | tuple) and any(
        isinstance(part, MediaPlace) for part in content
    )


def _has_places(message: Mapping[str, Any]) -> bool:
    return has_places(message.get("content"))
