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

_USUAL = re.compile("<[^<>]{1,100}>")

_UNTRUSTED = frozenset({"user", "tool", "function"})


class Guard:
    """Marks the names of one vocabulary's special tokens."""

    def __init__(self, special_tokens: Iterable[str]) -> None:
        self._names = frozenset(name for name in special_tokens if len(name.strip()) > 1)
        # vocabularies hold thousands of names, nearly all of this form: one pattern finds them
        others = sorted((n for n in self._names if not _USUAL.fullmatch(n)), key=len, reverse=True)
        self._others = re.compile("|".join(map(re.escape, others))) if others else None
        # chance, never shown to anybody: no text holds it; and nothing that a template would escape
        self._mark = secrets.token_hex(16)

    def protect(self, messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The messages, with a mark inside each name in untrusted text."""
        return [
            self._message(message) if message.get("role") in _UNTRUSTED else message
            for message in messages
        ]

    def cut(self, prompt: str) -> list[str]:
        """The rendered prompt in pieces, to be tokenized one by one."""
        return prompt.split(self._mark)

    def _message(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        changed = dict(message)
        if isinstance(changed.get("name"), str):
            changed["name"] = self._text(changed["name"])
        content = changed.get("content")
        if isinstance(content, str):
            changed["content"] = self._text(content)
        elif isinstance(content, list):
            changed["content"] = [self._part(part, i > 0) for i, part in enumerate(content)]
        return changed

    def _part(self, part: Any, follows: bool) -> Any:  # noqa: ANN401 - in OpenAI's shape, or not
        """``follows``: there is a part before it, and a name might reach over from that."""
        if not isinstance(part, dict) or not isinstance(part.get("text"), str):
            return part
        return {**part, "text": (self._mark if follows else "") + self._text(part["text"])}

    def _text(self, text: str) -> str:
        def marked(found: re.Match[str]) -> str:
            name = found[0]
            return name[0] + self._mark + name[1:] if name in self._names else name

        text = _USUAL.sub(marked, text)
        return self._others.sub(marked, text) if self._others is not None else text
