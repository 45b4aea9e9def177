"""Takes out of a grammar's choices what would say a key or an item a second time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.messages import Failure, FailureKind
from colonnade.worker.grammar.json_text import Mode
from colonnade.worker.grammar.lookahead import Lookahead
from colonnade.worker.grammar.repeats import Repeats

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from colonnade.worker.grammar.json_text import JsonText
    from colonnade.worker.grammar.spelling import Mask, Spelling
    from colonnade.worker.ports import Matcher, Pace


class DifferentMatcher:
    """See ``ports.Matcher``: a grammar's, without repeated keys and items."""

    __slots__ = ("_ahead", "_matcher", "_repeats", "_spelling", "_text")

    def __init__(self, matcher: Matcher, text: JsonText, spelling: Spelling) -> None:
        self._matcher = matcher
        self._spelling = spelling
        self._text = text
        self._repeats = Repeats(text, spelling)
        self._ahead = Lookahead(text, spelling, self._repeats)

    @property
    def pace(self) -> Pace:
        """See ``ports.Matcher``."""
        return self._matcher.pace

    @property
    def complete(self) -> bool:
        """See ``ports.Matcher``."""
        return self._matcher.complete

    def mask(self) -> Mask:
        """See ``ports.Matcher``."""
        mask = self._matcher.mask()
        if not self._watching:
            return mask
        mask = self._repeats.without(mask)
        if self._text.scarce:
            mask = self._ahead.without_dead_ends(self._matcher, mask)
        if not mask.any():
            msg = "The constraint cannot be followed further: nothing is left that differs."
            raise Failure(FailureKind.UNSUPPORTED, msg)
        return mask

    def forced(self) -> list[int]:
        """See ``ports.Matcher``."""
        forced = self._matcher.forced()
        if forced and self._watching and self._text.repeats(self._spelled(forced)):
            return []  # to where it would be said again: there is nothing else to say
        return forced

    def accepts(self, tokens: Sequence[int]) -> bool:
        """See ``ports.Matcher``."""
        return self._matcher.accepts(tokens) and not self._text.repeats(self._spelled(tokens))

    def consume(self, tokens: Sequence[int]) -> None:
        """See ``ports.Matcher``."""
        self._matcher.consume(tokens)
        self._text.read(self._spelled(tokens))

    def tokens(self, text: bytes) -> list[int]:
        """See ``ports.Matcher``."""
        return self._matcher.tokens(text)

    def branch(self) -> DifferentMatcher:
        """See ``ports.Matcher``."""
        return DifferentMatcher(self._matcher.branch(), self._text.copy(), self._spelling)

    def _spelled(self, tokens: Iterable[int]) -> bytes:
        names = self._spelling.names
        return b"".join([names[token] for token in tokens])

    @property
    def _watching(self) -> bool:
        """Whether anything could be repeated, or run out, from here on."""
        text = self._text
        if text.mode is Mode.VALUE:
            return True
        return any(each.seen or each.asked.different or each.asked.scarce for each in text.stack)
