"""The tokens of a vocabulary by what they do to JSON: end a string, a number, an array ..."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from colonnade.worker.grammar.json_values import spelled

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from numpy.typing import NDArray

    Tokens = NDArray[np.int64]
    Mask = NDArray[np.uint8]

_INTERESTING = re.compile(rb'["\],}]')
_STRING_END = re.compile(rb'((?:[^"\\]|\\.)*)"(.*)', re.DOTALL)
_ESCAPED_END = re.compile(rb'.(?:[^"\\]|\\.)*"', re.DOTALL)
_ZEROS = re.compile(rb" ?-?[0.]*(?:[eE][-+]?0*)?")

_BACKSLASH = re.compile(rb".*\\.*", re.DOTALL)
_HEX = re.compile(rb"[0-9a-fA-F].*", re.DOTALL)
_HEX_MARK = re.compile(rb"u(?:[0-9a-fA-F].*)?", re.DOTALL)

_WITHIN = {
    "more": re.compile(rb'.*".*"|[^"]*[0-9a-z]\s*[,\]}]', re.DOTALL),
    "closing": re.compile(rb'[^"]*[\]}]|.*"[^"]*[\]}]', re.DOTALL),
    "comma": re.compile(rb"[^\"]*,", re.DOTALL),
    "next": re.compile(rb"[^\"]*,\s*[^\s]", re.DOTALL),
}
"""Of what comes behind a string's end: it may end another string or a scalar; it may close a
container; it goes on behind a comma, or with what comes next there."""

_OUTSIDE = {
    "strings": re.compile(rb'.*".*"', re.DOTALL),
    "late_strings": re.compile(rb'\s*[^"\s][^"]*".*"', re.DOTALL),
    "two_strings": re.compile(rb'.*".*".*".*"', re.DOTALL),
    "scalars": re.compile(rb'[^"]*[0-9a-z]\s*[,\]}]', re.DOTALL),
    "scalar_ends": re.compile(rb"[-+.0-9a-zE]*[,\]}]"),
    "closing": re.compile(rb'[^"]*[\]}]|.*".*"[^"]*[\]}]', re.DOTALL),
    "comma": re.compile(rb'[^"]*,|.*".*"[^"]*,', re.DOTALL),
    "next": re.compile(rb'(?:[^"]*|.*".*"[^"]*),\s*[^\s]', re.DOTALL),
}
"""Of tokens that begin outside of a string: they hold a whole string, one behind something else, or
two; end a number or a word, or begin by doing so; close a container; go on behind a comma, or with
what comes next there."""


class Spelling:
    """Goes through the whole vocabulary when it is made: 0.2 s for 150,000 tokens."""

    def __init__(self, names: Sequence[bytes], special: Collection[int]) -> None:
        """``names`` are the tokens' texts by id; the ``special`` ones of them spell nothing."""
        self.names = names
        self._special = frozenset(special)
        within: dict[str, list[int]] = {kind: [] for kind in _WITHIN}
        outside: dict[str, list[int]] = {kind: [] for kind in _OUTSIDE}
        heads: defaultdict[bytes, list[int]] = defaultdict(list)
        ends: list[int] = []
        escaped: list[int] = []
        for token, name in enumerate(names):
            if token in self._special or not _INTERESTING.search(name):
                continue
            if _ESCAPED_END.match(name):
                escaped.append(token)
            if end := _STRING_END.match(name):
                ends.append(token)
                heads[spelled(end[1])].append(token)
                _sort(token, end[2], _WITHIN, within)
            _sort(token, name, _OUTSIDE, outside)
        self.ends = _array(ends)
        """Tokens that end a string, from within it."""
        self.escaped_ends = _array(escaped)
        """Tokens that end a string, behind a backslash in it."""
        self.heads = dict(heads)
        """The former by what they say in the string before its end."""
        self.within = {kind: _array(found) for kind, found in within.items()}
        """Some of the former, see ``_WITHIN``."""
        self.outside = {kind: _array(found) for kind, found in outside.items()}
        """Tokens that do something outside of strings, see ``_OUTSIDE``."""
        self._by_text: dict[bytes, list[int]] | None = None
        self._longest = 0

    @cached_property
    def zeros(self) -> Tokens:
        """Tokens that may leave a number as large as it is: nought, points, a sign."""
        return self._matching(_ZEROS)

    @cached_property
    def backslashes(self) -> Tokens:
        """Tokens with a backslash."""
        return self._matching(_BACKSLASH)

    @cached_property
    def hex(self) -> Tokens:
        """Tokens that begin with a hexadecimal digit."""
        return self._matching(_HEX)

    @cached_property
    def hex_marks(self) -> Tokens:
        """Tokens that begin as an escape does behind its backslash, if it names a character by its
        number."""
        return self._matching(_HEX_MARK)

    def _matching(self, pattern: re.Pattern[bytes]) -> Tokens:
        return _array([token for token, name in self._texts() if pattern.fullmatch(name)])

    def prepare(self) -> None:
        """Find out at once what is else found out when it is first needed."""
        _ = self.zeros, self.backslashes, self.hex, self.hex_marks, list(self.beginnings(b"a"))

    def beginnings(self, text: bytes) -> Iterator[list[int]]:
        """The tokens that a text may begin with."""
        known = self._by_text
        if known is None:
            known = {}
            for token, name in self._texts():
                known.setdefault(name, []).append(token)
            self._longest = max(map(len, known), default=0)
            self._by_text = known
        for length in range(1, min(len(text), self._longest) + 1):
            if found := known.get(text[:length]):
                yield found

    def _texts(self) -> Iterator[tuple[int, bytes]]:
        return (
            (token, name)
            for token, name in enumerate(self.names)
            if name and token not in self._special
        )


def _sort(
    token: int, text: bytes, kinds: dict[str, re.Pattern[bytes]], into: dict[str, list[int]]
) -> None:
    for kind, pattern in kinds.items():
        if pattern.match(text):
            into[kind].append(token)


def _array(tokens: list[int]) -> Tokens:
    return np.array(tokens, dtype=np.int64)
