"""From tokens' bytes to text that may be shown: whole characters, cut at stop strings."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_Utf8 = codecs.getincrementaldecoder("utf-8")


class TextStream:
    """The text of one choice. Bytes go in, released text comes out.

    Text that may be the beginning of a stop string is held back until it is clear. A character
    cut off by the end of the generation is dropped; bytes that are no UTF-8 become U+FFFD.
    """

    __slots__ = (
        "_decoder",
        "_held",
        "_show_stop",
        "_stops",
        "received",
        "released",
        "stopped_by",
    )

    def __init__(self, stops: Sequence[str] = (), *, show_stop: bool = False) -> None:
        """``show_stop``: the text ends with the stop string, not before it."""
        self._show_stop = show_stop
        self._decoder = _Utf8("replace")
        self._stops = tuple(stops)
        self._held = ""
        self.received = 0
        """Characters decoded so far."""
        self.released = 0
        """Characters given out so far."""
        self.stopped_by: str | None = None
        """The stop string that was met."""

    def push(self, piece: bytes, *, look: bool = True) -> str:
        """Add a token's bytes; returns the text that can be shown, and may set ``stopped_by``.
        Without ``look`` no stop string begins here or ends here."""
        if piece.isascii() and not self._decoder.buffer:
            text = str(piece, "ascii")
        else:
            text = self._decoder.decode(piece)
        self.received += len(text)
        if not (self._stops and look):
            text = self._held + text
            self._held = ""
            self.released += len(text)
            return text
        held = self._held + text
        end = self._find_stop(held)
        if end < 0:
            end = len(held) - self._possible_start(held)
            self._held = held[end:]
        self.released += end
        return held[:end]

    def let_go(self) -> str:
        """Look for stop strings no more; returns the text held back for them."""
        self._stops = ()
        return self.flush()

    def flush(self) -> str:
        """The text still held back, at an end that no stop string made."""
        held, self._held = self._held, ""
        self.released += len(held)
        return held

    def _find_stop(self, text: str) -> int:
        """Where the text ends for the earliest stop string, -1 where there is none."""
        first = -1
        for stop in self._stops:
            at = text.find(stop)
            if at >= 0 and (first < 0 or at < first):
                first = at
                self.stopped_by = stop
        if self._show_stop and self.stopped_by is not None:
            return first + len(self.stopped_by)
        return first

    def _possible_start(self, text: str) -> int:
        """Length of the longest end of ``text`` that begins a stop string."""
        longest = 0
        for stop in self._stops:
            for length in range(min(len(stop) - 1, len(text)), longest, -1):
                if text.endswith(stop[:length]):
                    longest = length
                    break
        return longest
