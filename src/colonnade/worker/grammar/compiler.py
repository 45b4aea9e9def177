"""From constraints to matchers, each grammar compiled once."""

from __future__ import annotations

import logging
from collections import OrderedDict
from threading import Lock, RLock, Thread
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakSet

from llguidance import LLMatcher, LLParserLimits
from llguidance.gbnf_to_lark import gbnf_to_lark

from colonnade.messages import Failure, FailureKind, GrammarSyntax
from colonnade.worker.grammar.differences import DifferentMatcher
from colonnade.worker.grammar.heap import give_back
from colonnade.worker.grammar.json_places import JsonPlaces
from colonnade.worker.grammar.json_text import JsonText
from colonnade.worker.grammar.matcher import GrammarMatcher, first_line
from colonnade.worker.grammar.spelling import Spelling
from colonnade.worker.grammar.tokenizer import GrammarTokenizer
from colonnade.worker.grammar.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.messages import Constraint, Differences
    from colonnade.worker.ports import Matcher, TokenTable

_MOST_ITEMS = 20_000
"""Places of a grammar in which one place of a text may be: as many as an object has optional
properties, and each tool some. llguidance's own bound is 2,000; the work of a step has another."""

_MOST_STATES = 250_000
"""Of a lexer, of 300 to 1,000 bytes each: a text that comes to more of them fails."""

_Key = tuple[GrammarSyntax, str, "Differences | None"]


_log = logging.getLogger(__name__)


class _Compiled(NamedTuple):
    """A grammar: a matcher at its beginning, and what it costs."""

    matcher: Matcher
    usage: Usage


class Bounds(NamedTuple):
    """What a grammar may cost."""

    size: int = 4_000_000
    """Characters."""
    depth: int = 500
    """Brackets within brackets."""
    kept: int = 128 << 20
    """Bytes of memory of all the grammars that are kept compiled, ..."""
    kept_number: int = 1000
    """... and how many these may be."""
    in_use: int = 512 << 20
    """Bytes of those that requests hold, whether they run or wait: beyond, nothing is compiled."""


class GrammarCompiler:
    """See ``ports.Grammars``."""

    def __init__(self, table: Callable[[], TokenTable], bounds: Bounds | None = None) -> None:
        """``table`` is asked once, by ``prepare`` or when the first grammar comes."""
        self._table = table
        self._bounds = bounds or Bounds()
        self._building = Lock()
        self._tokenizer: GrammarTokenizer | None = None
        self._lock = RLock()
        self._spelling: Spelling | None = None
        self._compiled: OrderedDict[_Key, _Compiled] = OrderedDict()
        self._usages: WeakSet[Usage] = WeakSet()
        """Of all grammars that are kept, or held by a request."""
        self._dropped = 0
        """Bytes of what was dropped since memory was given back to the system."""

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

    def prepare(self) -> Callable[[], None]:
        """Make the vocabulary ready, in a thread of its own: some of that holds the GIL, for a
        second where there are 262,144 tokens. Returns what waits for its end."""
        thread = Thread(target=self._prepare, name="grammar-vocabulary", daemon=True)
        thread.start()
        return thread.join

    def _prepare(self) -> None:
        try:
            _ = self.tokenizer
        except BaseException:  # noqa: BLE001 - llguidance's panics are no Exceptions
            # Text can be generated all the same; who asks for a grammar is told.
            _log.exception("the vocabulary could not be made ready for grammars")

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
            self._make_room()
            found = self._compile(constraint)
            with self._lock:
                found = self._compiled.setdefault(key, found)
            self._trim()
        return found.matcher.branch()

    @property
    def kept(self) -> tuple[int, int]:
        """How many grammars are kept compiled, and the bytes of memory that they hold."""
        with self._lock:
            return len(self._compiled), self._kept_bytes()

    @property
    def bytes(self) -> int:
        """Memory of all grammars, those included that requests alone still hold."""
        with self._lock:
            return sum([usage.bytes for usage in tuple(self._usages)])

    def tokens(self, text: str) -> list[int]:
        """See ``ports.Grammars``."""
        return self.tokenizer.marked(text)

    def _kept_bytes(self) -> int:
        return sum([compiled.usage.bytes for compiled in self._compiled.values()])

    def _trim(self) -> None:
        """Keep no more than may be kept: what was unused for longest goes first."""
        with self._lock:
            kept = self._kept_bytes()
            while self._compiled and (
                kept > self._bounds.kept or len(self._compiled) > self._bounds.kept_number
            ):
                dropped = self._compiled.popitem(last=False)[1].usage.bytes
                kept -= dropped
                self._dropped += dropped
            much = self._dropped > self._bounds.kept // 2
            if much:
                self._dropped = 0
        if much:
            give_back()

    def _make_room(self) -> None:
        """See that another grammar may be compiled.

        Raises:
            Failure: those that requests hold are too large together.
        """
        with self._lock:
            if self.bytes <= self._bounds.in_use:
                return
            self._compiled.clear()
            if self.bytes > self._bounds.in_use:
                msg = (
                    "The grammars of the requests that run and wait take all the memory that there "
                    "is for grammars: try again when some have ended."
                )
                raise Failure(FailureKind.QUEUE_FULL, msg)

    def _compile(self, constraint: Constraint) -> _Compiled:
        self._check(constraint.grammar)
        usage = Usage(self._trim)
        with self._lock:
            self._usages.add(usage)
        with usage.compiling(_size(constraint)):
            matcher = self._started(_lark(constraint), usage)
        if constraint.differences is None:
            return _Compiled(matcher, usage)
        places = JsonPlaces(constraint.differences)
        if places.scarce:
            self.spelling.prepare()
        return _Compiled(DifferentMatcher(matcher, JsonText(places), self.spelling), usage)

    def _started(self, grammar: str, usage: Usage) -> GrammarMatcher:
        """A matcher at the beginning of a grammar, of which the first mask is known."""
        limits = LLParserLimits(
            max_items_in_row=_MOST_ITEMS, max_lexer_states=_MOST_STATES, verbose_errors=False
        )
        ll = LLMatcher(self.tokenizer.ll, grammar, log_level=0, limits=limits)
        if ll.is_error():
            raise _refused(first_line(ll.get_error()))
        matcher = GrammarMatcher(ll, self.tokenizer, usage)
        probe = matcher.branch()
        try:
            probe.consume(probe.forced())
            if not probe.complete:
                probe.mask()  # also makes ready what the first mask needs
        except Failure as failure:
            raise _refused(failure.message) from None
        return matcher

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


def _size(constraint: Constraint) -> int:
    """Characters, and as much again for each place that JSON is held to."""
    return len(constraint.grammar) * (1 if constraint.differences is None else 2)


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
