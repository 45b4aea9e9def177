"""Keeps what users write from becoming control tokens.

A user's text may hold the name of a special token, such as ``<|im_end|>``, by accident or to forge
a turn. In a rendered prompt that name would be read as the token. So names in untrusted messages
get a mark inside before rendering, and the rendered text is cut at the marks: tokenized piece by
piece, no piece holds a whole name.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_UNTRUSTED = frozenset({"user", "tool", "function"})


class Guard:
    """Marks the names of one vocabulary's special tokens."""

    def __init__(self, special_tokens: Iterable[str]) -> None:
        names = sorted((name for name in special_tokens if len(name) > 1), key=len, reverse=True)
        self._names = re.compile("|".join(map(re.escape, names))) if names else None
        # noncharacters and chance, never shown to anybody: no text holds it
        self._mark = f"\ufdd0{secrets.token_hex(4)}\ufdd1"

    def protect(self, messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The messages, with a mark inside each name in untrusted text."""
        return [
            {**message, "content": self._content(message["content"])}
            if message.get("role") in _UNTRUSTED and message.get("content")
            else message
            for message in messages
        ]

    def cut(self, prompt: str) -> list[str]:
        """The rendered prompt in pieces, to be tokenized one by one."""
        return prompt.split(self._mark)

    def _content(self, content: Any) -> Any:  # noqa: ANN401 - a string, or parts in OpenAI's shape
        if isinstance(content, str):
            return self._text(content)
        return [
            {**part, "text": self._text(part["text"])}
            if isinstance(part, dict) and isinstance(part.get("text"), str)
            else part
            for part in content
        ]

    def _text(self, text: str) -> str:
        if self._names is None:
            return text
        return self._names.sub(lambda name: name[0][:1] + self._mark + name[0][1:], text)
