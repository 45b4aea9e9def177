"""From constraints to matchers, each grammar compiled once."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from llguidance import LLMatcher, LLParserLimits
from llguidance.gbnf_to_lark import gbnf_to_lark

from colonnade.messages import Failure, FailureKind, GrammarSyntax
from colonnade.worker.grammar.differences import DifferentMatcher
from colonnade.worker.grammar.json_places import JsonPlaces
from colonnade.worker.grammar.json_text import JsonText
from colonnade.worker.grammar.matcher import GrammarMatcher, first_line
from colonnade.worker.grammar.spelling import Spelling
from colonnade.worker.grammar.tokenizer import GrammarTokenizer

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.messages import Constraint, Differences
    from colonnade.worker.ports import Matcher, TokenTable

_MOST_ITEMS = 20_000
"""Places of a grammar in which one place of a text may be: as many as an object has optional
properties, and each tool some. llguidance's own bound is 2,000; the work of a step has another."""

_Key = tuple[GrammarSyntax, str, "Differences | None"]


class Bounds(NamedTuple):
    """What a grammar may cost."""

    size: int = 4_000_000
    """Characters."""
    depth: int = 500
    """Brackets within brackets."""
    kept: int = 16_000_000
    """Characters of all the grammars that are kept compiled."""


class GrammarCompiler:
    """See ``ports.Grammars``."""

    def __init__(self, table: Callable[[], TokenTable], bounds: Bounds | None = None) -> None:
        """``table`` is asked once, when the first grammar comes."""
        self._table = table
        self._bounds = bounds or Bounds()
        self._building = Lock()
        self._tokenizer: GrammarTokenizer | None = None
        self._lock = Lock()
        self._spelling: Spelling | None = None
        self._compiled: OrderedDict[_Key, Matcher] = OrderedDict()
        self._kept = 0

    @property
    def tokenizer(self) -> GrammarTokenizer:
        """The vocabulary, made ready by whoever asks first."""
        with self._building:
            if self._tokenizer is None:
                self._tokenizer = GrammarTokenizer(self._table())
            return self._tokenizer

    @property
    def spelling(self) -> Spelling:
        """What the vocabulary's tokens do to JSON, found out for whoever asks first."""
        names, special = self.tokenizer.names, self.tokenizer.special
        with self._building:
            if self._spelling is None:
                self._spelling = Spelling(names, special)
            return self._spelling

    def has(self, constraint: Constraint) -> bool:
        """See ``ports.Grammars``."""
        return _key(constraint) in self._compiled

    def matcher(self, constraint: Constraint) -> Matcher:
        """See ``ports.Grammars``."""
        key = _key(constraint)
        with self._lock:
            found = self._compiled.get(key)
            if found is not None:
                self._compiled.move_to_end(key)
        if found is None:
            found = self._compile(constraint)
            self._keep(key, found)
        return found.branch()

    def tokens(self, text: str) -> list[int]:
        """See ``ports.Grammars``."""
        return self.tokenizer.marked(text)

    def _keep(self, key: _Key, matcher: Matcher) -> None:
        with self._lock:
            if key in self._compiled:
                return
            self._compiled[key] = matcher
            self._kept += _size(key)
            while self._kept > self._bounds.kept and len(self._compiled) > 1:
                self._kept -= _size(self._compiled.popitem(last=False)[0])

    def _compile(self, constraint: Constraint) -> Matcher:
        self._check(constraint.grammar)
        grammar = _lark(constraint)
        limits = LLParserLimits(max_items_in_row=_MOST_ITEMS, verbose_errors=False)
        ll = LLMatcher(self.tokenizer.ll, grammar, log_level=0, limits=limits)
        if ll.is_error():
            raise _refused(first_line(ll.get_error()))
        matcher = GrammarMatcher(ll, self.tokenizer)
        probe = matcher.branch()
        try:
            probe.consume(probe.forced())
            if not probe.complete:
                probe.mask()  # also makes ready what the first mask needs
        except Failure as failure:
            raise _refused(failure.message) from None
        if constraint.differences is None:
            return matcher
        places = JsonPlaces(constraint.differences)
        if places.scarce:
            self.spelling.prepare()
        return DifferentMatcher(matcher, JsonText(places), self.spelling)

    def _check(self, grammar: str) -> None:
        if len(grammar) > self._bounds.size:
            msg = f"it has {len(grammar)} characters, and {self._bounds.size} are allowed."
            raise _refused(msg)
        depth = deepest = 0
        for char in grammar:
            if char in "([{":
                depth += 1
                deepest = max(deepest, depth)
            elif char in ")]}":
                depth = max(0, depth - 1)
        if deepest > self._bounds.depth:
            msg = f"its brackets are {deepest} deep, and {self._bounds.depth} are allowed."
            raise _refused(msg)


def _key(constraint: Constraint) -> _Key:
    return constraint.syntax, constraint.grammar, constraint.differences


def _size(key: _Key) -> int:
    """Characters, and as much again for each place that JSON is held to."""
    _, grammar, differences = key
    return len(grammar) * (1 if differences is None else 2)


def _lark(constraint: Constraint) -> str:
    lark = constraint.grammar
    if constraint.syntax is GrammarSyntax.GBNF:
        try:
            lark = gbnf_to_lark(lark)
        except Exception as error:  # the converter raises plain exceptions
            raise _refused(str(error)) from error
    grammar: str = LLMatcher.grammar_from_lark(lark)
    return grammar


def _refused(reason: str) -> Failure:
    return Failure(FailureKind.INVALID_REQUEST, f"The grammar was refused: {reason}")
