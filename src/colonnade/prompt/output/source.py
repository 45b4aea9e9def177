"""Text that arrives in pieces, read as if it were whole.

The readers of this room are generators: each yields when it needs more text than has come, so that
a format is read by plain code, wherever the pieces are cut.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable
from typing import TypeAlias, TypeVar

Result = TypeVar("Result")
Reading: TypeAlias = Generator[None, None, Result]
"""A reader: it yields for more text and returns what it has found."""
Emit: TypeAlias = Callable[[str], None]

_BLANK = re.compile(r"\s*")


class Stops:
    """Literal texts to look for, the longest first where two begin at the same place."""

    __slots__ = ("_longest", "_pattern", "first", "texts")

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = tuple(dict.fromkeys(text for text in texts if text))
        ordered = sorted(self.texts, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered)) or "(?!)")
        self._longest = len(ordered[0]) if ordered else 0
        heads = "".join(sorted({re.escape(text[0]) for text in self.texts}))
        self.first = re.compile(f"[{heads}]" if heads else "(?!)")
        """Matches a character that one of the texts begins with."""

    def find(self, text: str, *, ended: bool) -> tuple[int, str | None]:
        """Find the first of the texts in ``text``: where it begins, and which it is.

        Without one: from where on ``text`` may be the beginning of one, and None. When ``ended``
        nothing can be added to ``text``.
        """
        found = self._pattern.search(text)
        limit = len(text) if found is None else found.start()
        if not ended:
            start = self._open(text, limit, whole=found is not None)
            if start is not None:
                return start, None
        return limit, None if found is None else found.group()

    def _open(self, text: str, limit: int, *, whole: bool) -> int | None:
        """From where on, up to ``limit``, the rest of ``text`` is the beginning of one of the
        texts, if it is; ``whole`` when a text begins at ``limit``."""
        position = max(0, len(text) - self._longest + 1)
        while found := self.first.search(text, position):
            position = found.start()
            if position > limit or (position == limit and not whole):
                return None
            tail = text[position:]
            if any(len(t) > len(tail) and t.startswith(tail) for t in self.texts):
                return position
            position += 1
        return None


class Source:
    """The text that has come and is not read yet."""

    __slots__ = ("ended", "taken", "text")

    def __init__(self) -> None:
        self.text = ""
        self.ended = False
        """Nothing more will come."""
        self.taken: list[str] | None = None
        """What has been read since it was set to an empty list: for readers that give up."""

    def take(self, count: int) -> str:
        """Read the next ``count`` characters, which have come."""
        taken, self.text = self.text[:count], self.text[count:]
        if self.taken is not None:
            self.taken.append(taken)
        return taken

    def blank(self) -> Reading[None]:
        """Skip whitespace, waiting for what comes behind it."""
        while True:
            found = _BLANK.match(self.text)
            if found is not None and found.end():
                self.take(found.end())
            if self.text or self.ended:
                return
            yield

    def char(self) -> Reading[str]:
        """Look at the next character without reading it; empty at the end."""
        while not self.text and not self.ended:
            yield
        return self.text[:1]

    def literal(self, *options: str) -> Reading[str | None]:
        """Read the longest of some texts that comes next, None when none does."""
        while True:
            longer = any(len(o) > len(self.text) and o.startswith(self.text) for o in options)
            if self.ended or not longer:
                fitting = [o for o in options if o and self.text.startswith(o)]
                return self.take(len(max(fitting, key=len))) if fitting else None
            yield

    def expect(self, literal: str) -> Reading[bool]:
        """Read a literal text; where it has whitespace, any amount of it or none will do.

        Whitespace at its end may be the beginning of what follows, so no more of it is read than
        the literal has. Returns False at the first difference.
        """
        for chunk in literal.split():
            yield from self.blank()
            if (yield from self.literal(chunk)) is None:
                return False
        for char in literal[len(literal.rstrip()) :]:
            if (yield from self.literal(char)) is None:
                break
        return True

    def until(self, stops: Stops, emit: Emit, *, whole: bool = False) -> Reading[str | None]:
        """Emit the text before the first of ``stops`` as it comes, and read that stop too.

        Returns the stop, None when the text ends without one. With ``whole``, the beginning of a
        stop at the very end is not emitted.
        """
        while True:
            position, stop = stops.find(self.text, ended=self.ended)
            if whole and self.ended and stop is None:
                position, _ = stops.find(self.text, ended=False)
                self.text = self.text[:position]
            if position:
                emit(self.take(position))
            if stop is not None:
                self.take(len(stop))
                return stop
            if self.ended:
                return None
            yield

    def word(self, stops: Stops, longest: int) -> Reading[str | None]:
        """Read what stands before the first of ``stops``, which stay unread.

        None when it would be longer than ``longest`` characters, or the text ends before.
        """
        while True:
            position, stop = stops.find(self.text, ended=self.ended)
            if position > longest or (self.ended and stop is None):
                return None
            if stop is not None:
                return self.take(position)
            yield
