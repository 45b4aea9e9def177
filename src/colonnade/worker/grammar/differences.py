"""Takes out of a grammar's choices what would say a key or an item a second time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from colonnade.messages import Failure, FailureKind
from colonnade.worker.grammar.json_text import JsonText, Mode
from colonnade.worker.grammar.json_values import OPEN_ESCAPE, Number, number_of, respelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from colonnade.worker.grammar.json_text import Container
    from colonnade.worker.grammar.spelling import Spelling, Tokens
    from colonnade.worker.ports import Matcher

    Mask = NDArray[np.uint8]

_MOST_LOOKS = 400
"""Places that are looked at ahead of one token; what is not reached counts as a dead end."""
_MOST_COMMAS = 24
"""Tokens with a comma that are looked at; the others have to be said in pieces."""
_NOUGHTS = b"0" * 24
"""More than any bound of a number has."""
_SAMPLE = 64
"""Tokens from either end of the vocabulary that are held against each other."""
_OPEN_STRING = re.compile(rb'"[^"\\]*')
_NONE: Tokens = np.empty(0, dtype=np.int64)
_DEEPEST = 64
"""Tokens of one way that are looked at."""


class DifferentMatcher:
    """See ``ports.Matcher``: a grammar's, without repeated keys and items.

    Most of what would repeat something can be told from the text and the token alone. Where keys or
    items may run out, a text that has all but said a known one again may have no way to become
    another. There the tokens that stay on the way of a known one, and commas behind which another
    would have to come, are *doubtful*: each is tried on a branch of the grammar's matcher.
    """

    __slots__ = ("_depth", "_looks", "_matcher", "_spelling", "_text")

    def __init__(self, matcher: Matcher, text: JsonText, spelling: Spelling) -> None:
        self._matcher = matcher
        self._text = text
        self._spelling = spelling
        self._looks: dict[bytes, bool] = {}
        """Whether the text can go on behind what is supposed to be added."""
        self._depth = 0
        """Tokens that are supposed to be added."""

    @property
    def complete(self) -> bool:
        """See ``ports.Matcher``."""
        return self._matcher.complete

    def mask(self) -> Mask:
        """See ``ports.Matcher``."""
        mask = self._matcher.mask()
        if not self._watching:
            return mask
        self._looks = {}
        mask, doubtful = self._sorted(mask)
        if doubtful:
            mask = self._decided(self._matcher, mask, doubtful, b"")
        if not mask.any():
            msg = "The constraint cannot be followed further: nothing is left that differs."
            raise Failure(FailureKind.UNSUPPORTED, msg)
        return mask

    def forced(self) -> list[int]:
        """See ``ports.Matcher``."""
        return self._matcher.forced()

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
        return any(each.seen or each.different or each.scarce for each in text.stack)

    # What is repeated.

    def _sorted(self, mask: Mask) -> tuple[Mask, dict[int, None]]:
        """The mask without what would repeat something, and what of the rest is doubtful."""
        repeating = self._repeating(mask)
        if repeating:
            mask = mask.copy()
            mask[repeating] = 0
        if not self._text.scarce:
            return mask, {}
        doubtful = dict.fromkeys(self._doubtful(mask))
        self._note_room(mask, doubtful)
        commas = [token for token in self._commas(mask) if token not in doubtful]
        if len(commas) > _MOST_COMMAS:
            mask = mask.copy()
            mask[commas[_MOST_COMMAS:]] = 0
        return mask, doubtful | dict.fromkeys(commas[:_MOST_COMMAS])

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
        if any(each.different for each in text.stack[:-1]):
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
        return text.mode is Mode.STRING and bool(text.stack) and text.stack[-1].different

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
        different = not text.stack or text.stack[-1].different
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

    # What may run out.

    def _doubtful(self, mask: Mask) -> Iterator[int]:
        """Tokens that stay on the way of a known key or item, the longest first."""
        for depth, container in enumerate(self._text.stack):
            said = self._text.member(depth) if container.scarce else None
            if said is None:
                continue
            yield from self._known_ways(container, respelled(said), mask)
            if container.array and depth + 1 == len(self._text.stack):
                yield from self._same_numbers(container, said, mask)

    def _known_ways(self, container: Container, said: bytes, mask: Mask) -> Iterator[int]:
        """Tokens behind which the text may still become a known one."""
        cut = OPEN_ESCAPE.search(said) if b"\\" in said[-5:] else None
        whole = said if cut is None else said[: cut.start(1)]
        ways = [known for known in container.seen.values() if known.startswith(whole)]
        for known in ways:
            rest = known[len(said) :] if known.startswith(said) else b""
            for each in (rest,) if said else (rest, b" " + rest):
                for _, tokens in self._spelling.beginnings(each):
                    yield from (token for token in tokens if mask[token])
        if cut is None:
            escaping = self._spelling.backslashes if any(b"\\" in way for way in ways) else _NONE
        else:
            escaping = self._spelling.hex if len(cut[1]) > 1 else self._spelling.hex_marks
        for token in escaping[mask[escaping] != 0].tolist() if ways else ():
            text = respelled(said + self._spelling.names[token])
            if OPEN_ESCAPE.search(text) or any(way.startswith(text) for way in ways):
                yield token

    def _same_numbers(self, container: Container, said: bytes, mask: Mask) -> Iterator[int]:
        """Tokens behind which a number still is, or may be, a known one in other digits."""
        if self._text.mode not in (Mode.VALUE, Mode.SCALAR):
            return
        if not any(isinstance(known, Number) for known in container.seen):
            return
        zeros = self._spelling.zeros
        for token in zeros[mask[zeros] != 0].tolist():
            number = number_of((said + self._spelling.names[token]).decode().strip())
            if number is None or number in container.seen:
                yield token

    def _note_room(self, mask: Mask, doubtful: dict[int, None]) -> None:
        """See whether two different keys or strings can come now that are not known: then, whatever
        comes, there is another one to come behind it."""
        text = self._text
        container = text.stack[-1] if text.stack else None
        if container is None or not container.scarce or container.roomy:
            return
        said = text.member(len(text.stack) - 1)
        if said is None:
            return
        free = np.flatnonzero(mask)
        sample = {*free[:_SAMPLE].tolist(), *free[-_SAMPLE:].tolist()} - doubtful.keys()
        names = [(said + self._spelling.names[token]).lstrip() for token in sample]
        texts = [name for name in names if _OPEN_STRING.fullmatch(name)]
        longest = max(texts, key=len, default=b"")
        container.roomy = not all(longest.startswith(each) for each in texts)

    def _commas(self, mask: Mask) -> list[int]:
        """Tokens with a comma behind which there may be nothing left to say."""
        text, spelling = self._text, self._spelling
        inside = text.mode in (Mode.KEY, Mode.STRING)
        if inside and all(each.roomy for each in text.stack if each.scarce):
            return []
        tokens = spelling.within["comma"] if inside else spelling.outside["comma"]
        found = []
        for token in tokens[mask[tokens] != 0].tolist():
            with text.supposing(spelling.names[token]):
                if text.crossed:
                    found.append(token)
        return found

    def _decided(self, matcher: Matcher, mask: Mask, doubtful: Iterable[int], ahead: bytes) -> Mask:
        """The mask without the doubtful tokens behind which the text cannot go on."""
        mask = mask.copy()
        names = self._spelling.names
        alive: list[bytes] = []
        for token in sorted(doubtful, key=lambda token: -len(names[token])):
            name = names[token]
            if any(each.startswith(name) for each in alive):
                continue
            if self._goes_on(matcher, token, ahead):
                alive.append(name)
            else:
                mask[token] = 0
        return mask

    def _goes_on(self, matcher: Matcher, token: int, ahead: bytes) -> bool:
        """Whether something can follow behind a token, up to the end. ``ahead`` is what is
        supposed already."""
        branch = matcher.branch()
        branch.consume([token])
        forced = branch.forced()
        branch.consume(forced)
        name = self._spelled([token, *forced])
        ahead += name
        known = False if ahead.endswith(_NOUGHTS) else self._looks.get(ahead)
        if known is None:
            known = False
            if len(self._looks) < _MOST_LOOKS and self._depth < _DEEPEST:
                self._looks[ahead] = False
                self._depth += 1
                with self._text.supposing(name):
                    known = not self._text.repeated and self._has_way(branch, ahead)
                self._depth -= 1
            self._looks[ahead] = known
        return known

    def _has_way(self, matcher: Matcher, ahead: bytes) -> bool:
        if matcher.complete or not self._text.stack:
            return True
        mask, doubtful = self._sorted(matcher.mask())
        sure = mask.copy()
        sure[list(doubtful)] = 0
        if sure.any():
            return True
        names = self._spelling.names
        ordered = sorted(doubtful, key=lambda token: -len(names[token]))
        return any(self._goes_on(matcher, token, ahead) for token in ordered)
