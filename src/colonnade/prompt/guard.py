"""Keeps what comes from outside from becoming control tokens.

A text may hold the name of a special token, such as ``<|im_end|>``, by accident or to forge a turn.
In a rendered prompt that name would be read as the token. So names in all texts that a template is
given, whoever's they are, get a mark inside before rendering, and the rendered text is cut at the
marks: tokenized piece by piece, no piece holds a whole name. What the template itself writes stays
as it is.

Templates search an assistant's text for the markers of its thought. Those begin no turn, and stay.
"""

from __future__ import annotations

import json
import re
import secrets
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from colonnade.prompt.arguments import read_arguments

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

_USUAL = re.compile("<[^<>]{1,100}>")


class Guard:
    """Marks the names of one vocabulary's special tokens."""

    def __init__(self, special_tokens: Iterable[str], own: Iterable[str] = ()) -> None:
        """``own`` are names that stay as they are in an assistant's texts."""
        # chance, never shown to anybody: no text holds it; and nothing that a template would escape
        self._mark = secrets.token_hex(16)
        names = frozenset(name for name in special_tokens if len(name.strip()) > 1)
        self._all = _Marker(names, self._mark)
        kept = sorted(names.intersection(own), key=len, reverse=True)
        self._kept = re.compile(f"({'|'.join(map(re.escape, kept))})") if kept else None

    def protect(self, messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The messages, with a mark inside each name in their texts."""
        return [self._message(message) for message in messages]

    def protected(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        """A JSON value, with a mark inside each name in its texts and keys."""
        if isinstance(value, str):
            return self._all.marked(value)
        if isinstance(value, dict):
            return {self.protected(key): self.protected(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.protected(each) for each in value]
        return value

    def cut(self, prompt: str) -> list[str]:
        """The rendered prompt in pieces, to be tokenized one by one."""
        return prompt.split(self._mark)

    def plain(self, text: str) -> str:
        """A text without marks."""
        return text.replace(self._mark, "")

    def _message(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        said = message.get("role") == "assistant"
        return {key: self._field(key, value, said=said) for key, value in message.items()}

    def _field(self, key: str, value: Any, *, said: bool) -> Any:  # noqa: ANN401
        if said and key == "content":
            return self._said(value)
        if key == "tool_calls" and isinstance(value, list | tuple):
            return [self._call(call) for call in value]
        if key == "function_call":
            return self._function(value)
        return self.protected(value)

    def _said(self, content: Any) -> Any:  # noqa: ANN401
        """The content of an answer."""
        if isinstance(content, str):
            return self._answer(content)
        if isinstance(content, list | tuple):
            return [self._part(part) for part in content]
        return self.protected(content)

    def _part(self, part: Any) -> Any:  # noqa: ANN401
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            return {**self.protected(part), "text": self._answer(part["text"])}
        return self._said(part) if isinstance(part, str) else self.protected(part)

    def _answer(self, text: str) -> str:
        if self._kept is None:
            return self._all.marked(text)
        # marked apart, for a template that takes a marker out would join what is beside it
        pieces = self._kept.split(text)
        return "".join(
            piece if number % 2 else self._all.marked(piece) for number, piece in enumerate(pieces)
        )

    def _call(self, call: Any) -> Any:  # noqa: ANN401
        if not isinstance(call, dict):
            return self.protected(call)
        return {
            key: self._function(value) if key == "function" else self.protected(value)
            for key, value in call.items()
        }

    def _function(self, function: Any) -> Any:  # noqa: ANN401
        """A called function. Its arguments are JSON, in which escapes may hide a name."""
        plain = self.protected(function)
        if not isinstance(function, dict) or not isinstance(
            given := function.get("arguments"), str
        ):
            return plain
        value = read_arguments(given)
        if isinstance(value, dict):
            marked = self.protected(value)
            same = marked == value and self._all.marked(given) == given
            plain["arguments"] = given if same else json.dumps(marked, ensure_ascii=False)
        return plain


class _Marker:
    """Puts a mark into names."""

    def __init__(self, names: Collection[str], mark: str) -> None:
        self._names = names
        self._mark = mark
        self._sorted = sorted(names)
        self._longest = max(map(len, names), default=0)
        firsts = "".join(sorted({name[0] for name in names}))
        self._first = re.compile(f"[{re.escape(firsts)}]") if firsts else None
        # vocabularies hold thousands of names, nearly all of this form: one pattern finds them
        others = sorted((n for n in names if not _USUAL.fullmatch(n)), key=len, reverse=True)
        found = "|".join(map(re.escape, others))
        self._others = re.compile(f"(?=(?:{found}))(.)", re.DOTALL) if others else None

    def marked(self, text: str) -> str:
        """The text with a mark inside each name, and one behind it where it ends with the beginning
        of a name: whatever is written next might complete it."""
        if self._first is None or self._first.search(text) is None:
            return text
        text = _USUAL.sub(self._usual, text)
        if self._others is not None:
            text = self._others.sub(rf"\g<1>{self._mark}", text)
        return text + self._mark if self._open(text[-self._longest :]) else text

    def _usual(self, found: re.Match[str]) -> str:
        name = found[0]
        return name[0] + self._mark + name[1:] if name in self._names else name

    def _open(self, tail: str) -> bool:
        if self._first is None:
            return False
        return any(self._begins(tail[found.start() :]) for found in self._first.finditer(tail))

    def _begins(self, text: str) -> bool:
        """Whether a name begins with the text."""
        place = bisect_left(self._sorted, text)
        return place < len(self._sorted) and self._sorted[place].startswith(text)
