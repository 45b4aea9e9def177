"""Which tokens would lead to where nothing is left that differs.

Where keys or items may run out, a text that has all but said a known one again may have no way to
become another. There the tokens that stay on the way of a known one, and commas behind which
another has to come, are *doubtful*: each is tried on a branch of the grammar's matcher, and what is
found is remembered as long as it holds.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from colonnade.worker.grammar.json_text import Mode
from colonnade.worker.grammar.json_values import OPEN_ESCAPE, Number, number_of, respelled
from colonnade.worker.grammar.known_ways import MOST

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from colonnade.worker.grammar.json_text import Container, JsonText
    from colonnade.worker.grammar.repeats import Repeats
    from colonnade.worker.grammar.spelling import Mask, Spelling, Tokens
    from colonnade.worker.ports import Matcher

_MOST_LOOKS = 400
"""Places that are looked at ahead of one token; what is not reached counts as a dead end."""
_MOST_COMMAS = 24
"""Tokens with a comma that are looked at; the others have to be said in pieces."""
_DEEPEST = 64
"""Tokens of one way that are looked at."""
_NOUGHTS = b"0" * 24
"""More than any bound of a number has."""
_SAMPLE = 64
"""Tokens from either end of the vocabulary that are held against each other."""
_TRIED = 12
"""Tokens of a mask that are tried for a quick answer."""
_OPEN_STRING = re.compile(rb'"[^"\\]*')
_LOOSE = re.compile(rb"(?:-0?|[0-9]\.|\.[0-9]*0|[eE][-+]?[0-9]*)$")
"""The end of a number that can be written with fewer characters, or may become such a one."""
_NUMBER_START = frozenset(b"-0123456789")
_NONE: Tokens = np.empty(0, dtype=np.int64)


class Verdict(Enum):
    """What is to be thought of a token."""

    SURE = auto()
    DOUBTFUL = auto()
    REPEATS = auto()


class Lookahead:
    """For a text at the place that it has come to."""

    __slots__ = (
        "_depth",
        "_ended",
        "_gave_up",
        "_looks",
        "_outer",
        "_repeats",
        "_spelling",
        "_text",
    )

    def __init__(self, text: JsonText, spelling: Spelling, repeats: Repeats) -> None:
        self._text = text
        self._spelling = spelling
        self._repeats = repeats
        self._looks = 0
        self._gave_up = False
        """A way was too long to be followed."""
        self._ended: dict[tuple[bytes, tuple[Hashable, ...]], bool] = {}
        """Beginnings behind other keys or items that are supposed: whether there is no way."""
        self._depth = 0
        """Tokens that are supposed to be added."""
        self._outer: tuple[int, Container, int] | None = None
        """The first of the scarce containers where what is found of it can be remembered: its place
        in the stack, and how much is known there."""

    def without_dead_ends(self, matcher: Matcher, mask: Mask) -> Mask:
        """A mask without the tokens behind which the text could not go on. It has none any more
        that repeats something."""
        self._looks, self._gave_up, self._ended = 0, False, {}
        self._outer = self._first_scarce()
        doubtful = dict.fromkeys(self._doubtful(mask))
        self._note_room(mask, doubtful)
        commas = [token for token in self._commas(mask) if token not in doubtful]
        dead = commas[_MOST_COMMAS:]
        dead += self._dead(matcher, doubtful)
        dead += [token for token in commas[:_MOST_COMMAS] if not self._goes_on(matcher, token)]
        if dead:
            mask = mask.copy()
            mask[dead] = 0
        return mask

    def _dead(self, matcher: Matcher, doubtful: Iterable[int]) -> Iterator[int]:
        """Those tokens on known ways that lead nowhere else."""
        said, names = self._beginning, self._spelling.names
        for token in self._longest_first(doubtful):
            known: bytes | bool | None = None
            if said is not None and self._outer is not None:
                text = said + names[token] if said else names[token].lstrip(b" ")
                known = self._outer[1].ways.of(text)
            if not (self._goes_on(matcher, token) if known is None else known):
                yield token

    def _longest_first(self, tokens: Iterable[int]) -> list[int]:
        names = self._spelling.names
        return sorted(tokens, key=lambda token: -len(names[token]))

    def _first_scarce(self) -> tuple[int, Container, int] | None:
        for depth, container in enumerate(self._text.stack):
            if container.asked.scarce:
                return (depth, container, len(container.seen)) if container.asked.steady else None
        return None

    @property
    def _beginning(self) -> bytes | None:
        """The beginning of the first scarce container's present key or item; None where nothing can
        be remembered of it."""
        if self._outer is None:
            return None
        depth, container, _ = self._outer
        stack = self._text.stack
        if len(stack) <= depth or stack[depth] is not container:
            return None
        said = self._text.member(depth)
        return None if said is None else respelled(said)

    @property
    def _supposed(self) -> tuple[Hashable, ...]:
        """What is merely supposed to be known in the first scarce container."""
        if self._outer is None:
            return ()
        _, container, known = self._outer
        return tuple(islice(container.seen, known, None))

    # What is doubtful.

    def _doubtful(self, mask: Mask) -> Iterator[int]:
        """Tokens that stay on the way of a known key or item."""
        for depth, container in enumerate(self._text.stack):
            said = self._text.member(depth) if container.asked.scarce else None
            if said is not None:
                yield from self._known_ways(container, respelled(said), mask)
                if container.array:
                    yield from self._same_numbers(container, said, mask)

    def _known_ways(self, container: Container, said: bytes, mask: Mask) -> Iterator[int]:
        cut = OPEN_ESCAPE.search(said) if b"\\" in said[-5:] else None
        if cut is not None:
            yield from self._escaped_ways(container, said, cut, mask)
            return
        begun, tokens, escaped = container.ways.tokens.get(said, (0, [], False))
        if self._text.supposed:
            tokens = list(tokens)
        for known in islice(container.seen.values(), begun, None):
            if known.startswith(said):
                rest = known[len(said) :]
                for each in (rest,) if said else (rest, b" " + rest):
                    for found in self._spelling.beginnings(each):
                        tokens += found
                escaped |= b"\\" in rest
        if tokens and not self._text.supposed and len(container.ways.tokens) < MOST:
            container.ways.tokens[said] = len(container.seen), tokens, escaped
        if tokens:
            allowed = np.array(tokens, dtype=np.int64)
            yield from allowed[mask[allowed] != 0].tolist()
        if escaped:
            yield from self._respelled_ways(container, said, mask, self._spelling.backslashes)

    def _escaped_ways(
        self, container: Container, said: bytes, cut: re.Match[bytes], mask: Mask
    ) -> Iterator[int]:
        """Within an escape, which may be spelled in several ways."""
        whole, marks = said[: cut.start(1)], self._spelling
        for known in container.seen.values():
            if known.startswith(said):
                for found in marks.beginnings(known[len(said) :]):
                    yield from (token for token in found if mask[token])
        if container.is_known_to_begin(whole):
            tokens = marks.hex if len(cut[1]) > 1 else marks.hex_marks
            yield from self._respelled_ways(container, said, mask, tokens)

    def _respelled_ways(
        self, container: Container, said: bytes, mask: Mask, tokens: Tokens
    ) -> Iterator[int]:
        for token in tokens[mask[tokens] != 0].tolist():
            text = respelled(said + self._spelling.names[token])
            if OPEN_ESCAPE.search(text) or container.is_known_to_begin(text):
                yield token

    def _same_numbers(self, container: Container, said: bytes, mask: Mask) -> Iterator[int]:
        """Tokens behind which a number still is, or may be, a known one in other digits, or part of
        a known item."""
        if self._text.mode not in (Mode.VALUE, Mode.SCALAR) or not container.seen:
            return
        within = said[:1] in (b"[", b"{")
        if not within and not any(isinstance(known, Number) for known in container.seen):
            return
        zeros = self._spelling.zeros
        for token in zeros[mask[zeros] != 0].tolist():
            text = said + self._spelling.names[token]
            if self._is_loose(text) if within else self._may_be_known(container, text):
                yield token

    def _is_loose(self, said: bytes) -> bool:
        """Whether a number within an item may come to count as much as one in other digits."""
        return _LOOSE.search(said) is not None

    def _may_be_known(self, container: Container, said: bytes) -> bool:
        number = number_of(said.decode().strip())
        return number is None or number in container.seen

    def _commas(self, mask: Mask) -> list[int]:
        """Tokens that go on behind a comma where there may be nothing left to say."""
        text, spelling = self._text, self._spelling
        kinds = spelling.within if text.mode in (Mode.KEY, Mode.STRING) else spelling.outside
        scarce = [each for each in text.stack if each.asked.scarce]
        room = text.mode is not Mode.VALUE and all(
            each.roomy or each.has_room(1 if text.mode is Mode.REST else 2) for each in scarce
        )
        tokens = kinds["next"] if room else kinds["comma"]
        allowed = tokens[mask[tokens] != 0].tolist()
        return [token for token in allowed if self._judged(token) is Verdict.DOUBTFUL]

    def _note_room(self, mask: Mask, doubtful: dict[int, None]) -> None:
        """See whether two different keys or strings can come now that are not known: then, whatever
        comes, there is another one to come behind it."""
        text = self._text
        container = text.stack[-1] if text.stack else None
        if container is None or not container.asked.scarce:
            return
        if container.roomy or container.has_room(2):
            return
        said = text.member(len(text.stack) - 1)
        if said is None:
            return
        free = np.flatnonzero(mask != 0)
        sample = {*free[:_SAMPLE].tolist(), *free[-_SAMPLE:].tolist()} - doubtful.keys()
        names = [(said + self._spelling.names[token]).lstrip() for token in sample]
        texts = [name for name in names if _OPEN_STRING.fullmatch(name)]
        longest = max(texts, key=len, default=b"")
        container.roomy = not all(longest.startswith(each) for each in texts)

    # Whether it goes on.

    def _goes_on(self, matcher: Matcher, token: int) -> bool:
        """Whether something can follow behind a token, up to the end."""
        with self._text.supposing(self._spelling.names[token]):
            if self._text.repeated:
                return False
            beginning, supposed = self._beginning, self._supposed
        if beginning is None or self._outer is None:
            return bool(self._look(matcher, token))
        ways = self._outer[1].ways
        known = False if beginning.endswith(_NOUGHTS) else ways.of(beginning)
        if known is False:
            return False  # nor is there a way when more is known
        if supposed:
            key = (beginning, supposed)
            if key not in self._ended:
                self._ended[key] = not self._look(matcher, token)
            return not self._ended[key]
        if known is None:
            found = self._look(matcher, token)
            if isinstance(found, bytes) and found.startswith(beginning):
                ways.open(beginning, found)
            elif not found and not self._gave_up:
                ways.end(beginning)
            return bool(found)
        return True

    def _look(self, matcher: Matcher, token: int) -> bytes | bool:
        """Look behind a token: a longer beginning of the first scarce container's present key or
        item that is new, or whether there is any way."""
        if self._looks >= _MOST_LOOKS or self._depth >= _DEEPEST:
            self._gave_up = True
            return False
        self._looks += 1
        self._depth += 1
        try:
            branch = matcher.branch()
            branch.consume([token])
            forced = branch.forced()
            branch.consume(forced)
            names = self._spelling.names
            with self._text.supposing(b"".join(names[each] for each in (token, *forced))):
                return not self._text.repeated and self._way(branch)
        finally:
            self._depth -= 1

    def _way(self, matcher: Matcher) -> bytes | bool:
        if matcher.complete or not self._text.stack:
            return True
        mask = matcher.mask()
        free = np.flatnonzero(mask != 0)
        found = self._tried(free[:: max(1, len(free) // _TRIED)].tolist())
        if found:
            return found
        mask = self._repeats.without(mask)
        doubtful = dict.fromkeys((*self._doubtful(mask), *self._commas(mask)))
        sure = mask.copy()
        sure[list(doubtful)] = 0
        if sure.any():
            return self._tried(np.flatnonzero(sure != 0)[:_TRIED].tolist()) or True
        return any(self._goes_on(matcher, token) for token in self._longest_first(doubtful))

    def _tried(self, tokens: Iterable[int]) -> bytes | bool:
        """A new beginning that one of some tokens makes, or whether any makes something new."""
        sure = False
        for token in tokens:
            with self._text.supposing(self._spelling.names[token]):
                if self._verdict() is Verdict.SURE:
                    sure = True
                    beginning = None if self._supposed else self._beginning
                    if beginning:
                        return beginning
        return sure

    def _judged(self, token: int) -> Verdict:
        with self._text.supposing(self._spelling.names[token]):
            return self._verdict()

    def _verdict(self) -> Verdict:
        """What is to be thought of the text, of which a part is supposed."""
        text = self._text
        if text.repeated:
            return Verdict.REPEATS
        if text.crossed:
            return Verdict.DOUBTFUL
        for depth, container in enumerate(text.stack):
            said = text.member(depth) if container.asked.scarce else None
            if said is not None and self._is_doubtful(container, respelled(said)):
                return Verdict.DOUBTFUL
        return Verdict.SURE

    def _is_doubtful(self, container: Container, said: bytes) -> bool:
        if not said:
            return bool(container.seen) and not container.has_room(1)
        if container.is_known_to_begin(said):
            return True
        if b"\\" in said[-5:] and OPEN_ESCAPE.search(said):
            return True
        if not container.array:
            return False
        if said[0] in _NUMBER_START:
            return self._may_be_known(container, said)
        return self._text.mode is Mode.SCALAR and self._is_loose(said)
