"""Which tokens would say a key or an item a second time: told from the text and the token alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from colonnade.worker.grammar.json_text import Mode

if TYPE_CHECKING:
    from colonnade.worker.grammar.json_text import Container, JsonText
    from colonnade.worker.grammar.spelling import Mask, Spelling, Tokens


class Repeats:
    """Of a text at the place that it has come to.

    Within a string, the tokens that make a known one of it are looked up; others that end more than
    one thing, or a number or a container, are few, and are tried one by one.
    """

    __slots__ = ("_spelling", "_text")

    def __init__(self, text: JsonText, spelling: Spelling) -> None:
        self._text = text
        self._spelling = spelling

    def without(self, mask: Mask) -> Mask:
        """A mask without the tokens that would repeat something."""
        found = self._repeating(mask)
        if found:
            mask = mask.copy()
            mask[found] = 0
        return mask

    def _repeating(self, mask: Mask) -> list[int]:
        text, names = self._text, self._spelling.names
        found: list[int] = []
        watched = [self._candidates()]
        if text.escaped:
            watched.append(self._spelling.escaped_ends)
        elif self._at_stake:
            said = text.string
            if said is None:
                watched.append(self._spelling.ends)
            else:
                found = self._same_ends(text.stack[-1], said)
        if any(each.asked.different for each in text.stack[:-1]):
            watched.append(self._closing)
        for tokens in watched:
            allowed = tokens[mask[tokens] != 0]
            found += [token for token in allowed.tolist() if text.repeats(names[token])]
        return found

    @property
    def _at_stake(self) -> bool:
        """Within a string that has to differ from others."""
        text = self._text
        if text.mode is Mode.KEY:
            return True
        return text.mode is Mode.STRING and bool(text.stack) and text.stack[-1].asked.different

    def _same_ends(self, container: Container, said: bytes) -> list[int]:
        """Tokens that make a known string of the present one, and end it."""
        heads, size = self._spelling.heads, len(said)
        found: list[int] = []
        for known in container.seen:
            if isinstance(known, bytes) and known.startswith(said):
                found += heads.get(known[size:], ())
        return found

    @property
    def _closing(self) -> Tokens:
        """Tokens that may end a container."""
        inside = self._text.mode in (Mode.KEY, Mode.STRING)
        spelling = self._spelling
        return spelling.within["closing"] if inside else spelling.outside["closing"]

    def _candidates(self) -> Tokens:
        """Other tokens that may say a whole key or item."""
        text, outside = self._text, self._spelling.outside
        different = not text.stack or text.stack[-1].asked.different
        match text.mode:
            case Mode.KEY | Mode.STRING:
                return self._spelling.within["more"]
            case Mode.NAME:
                return outside["strings"]
            case Mode.SCALAR if different:
                return np.concatenate([outside["scalar_ends"], outside["late_strings"]])
            case Mode.VALUE if different:
                return np.concatenate([outside["strings"], outside["scalars"]])
            case Mode.REST if different:
                return np.concatenate([outside["late_strings"], outside["scalars"]])
            case Mode.VALUE | Mode.COLON:
                return np.concatenate([outside["late_strings"], outside["two_strings"]])
            case _:
                return outside["late_strings"]
