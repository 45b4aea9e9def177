"""What is known of the beginnings of a container's keys or items: whether they lead anywhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from colonnade.worker.grammar.json_values import Number, number_of

if TYPE_CHECKING:
    from collections.abc import Hashable

_LOOSE = re.compile(rb"-0(?![.0-9])|\.[0-9]*0(?![0-9])|[0-9][eE]")
"""A number that can be written with fewer characters."""
MOST = 20_000
"""Beginnings that are remembered, ..."""
_MOST_BYTES = 8 << 20
"""... as long as they are no larger together."""


class Ways:
    """Remembers beginnings of which an answer can still become something new, each with a longer
    text that is no beginning of anything known, and those that cannot."""

    __slots__ = ("_by_longer", "_bytes", "_known", "tokens")

    def __init__(self) -> None:
        self._known: dict[bytes, bytes | None] = {}
        self._by_longer: dict[bytes, list[bytes]] = {}
        self._bytes = 0
        self.tokens: dict[bytes, tuple[int, list[int], bool]] = {}
        """By beginning: how many known texts were looked at, the tokens that stay on their way, and
        whether there are escapes on it."""

    def of(self, beginning: bytes) -> bytes | bool | None:
        """A longer text, False where there is no way, None where it is not known."""
        if beginning not in self._known:
            return None
        return self._known[beginning] or False

    def open(self, beginning: bytes, longer: bytes) -> None:
        """Note a way."""
        if self._note(beginning, longer):
            self._by_longer.setdefault(longer, []).append(beginning)

    def end(self, beginning: bytes) -> None:
        """Note that there is none: nor will there be one when more is known."""
        self._note(beginning, None)

    def _note(self, beginning: bytes, longer: bytes | None) -> bool:
        """Remember it if there is room."""
        if len(self._known) >= MOST or self._bytes >= _MOST_BYTES:
            return False
        self._known[beginning] = longer
        self._bytes += len(beginning) + len(longer or b"")
        return True

    def close(self, value: Hashable, text: bytes) -> None:
        """Forget the ways that a key or item takes, which is known from now on."""
        if not self._by_longer:
            return
        if text[:1] in (b"[", b"{") and _LOOSE.search(text):
            for longer in list(self._by_longer):  # there may be the same numbers in other digits
                self._forget(longer)
            return
        for length in range(1, len(text) + 1):
            self._forget(text[:length])
        if isinstance(value, Number):
            for longer in list(self._by_longer):
                if number_of(longer.decode("utf-8", "replace")) == value:
                    self._forget(longer)

    def _forget(self, longer: bytes) -> None:
        for beginning in self._by_longer.pop(longer, ()):
            if self._known.pop(beginning, None) is not None:
                self._bytes -= len(beginning) + len(longer)
