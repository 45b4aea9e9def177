"""A vocabulary of bytes and special tokens, to ask whether a grammar takes a text."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from llguidance import LLMatcher, LLParserLimits, LLTokenizer, TokenizerWrapper

from colonnade.worker.grammar.differences import DifferentMatcher
from colonnade.worker.grammar.json_places import JsonPlaces
from colonnade.worker.grammar.json_text import JsonText
from colonnade.worker.grammar.matcher import GrammarMatcher
from colonnade.worker.grammar.spelling import Spelling
from colonnade.worker.grammar.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from colonnade.messages import Constraint
    from colonnade.worker.ports import Matcher

_MARK = b"\xff"


class Vocabulary:
    """256 bytes, an end token, special tokens of the given names, and other pieces of text."""

    def __init__(self, *names: str, pieces: Sequence[bytes] = ()) -> None:
        self.special: Mapping[str, int] = {name: 257 + index for index, name in enumerate(names)}
        self.bos_token_id = None
        self.eos_token_id = 256
        self.special_token_ids = [256, *self.special.values()]
        self.tokens = [
            *(bytes([byte]) for byte in range(256)),
            _MARK + b"<end>",
            *(_MARK + name.encode() for name in names),
            *pieces,
        ]
        self._splitter = re.compile("|".join(["(?!)", *map(re.escape, names)]))
        self.ll = LLTokenizer(TokenizerWrapper(self), n_vocab=len(self.tokens))

    def __call__(self, text: bytes) -> list[int]:
        """Tokens of bytes."""
        return list(text)

    def encode(self, text: str) -> list[int]:
        """Tokens of a text, names of special tokens as those tokens."""
        tokens: list[int] = []
        end = 0
        for found in self._splitter.finditer(text):
            tokens += [*text[end : found.start()].encode(), self.special[found.group()]]
            end = found.end()
        return [*tokens, *text[end:].encode()]

    def plain(self, text: bytes) -> list[int]:
        """Tokens of bytes."""
        return list(text)

    @cached_property
    def spelling(self) -> Spelling:
        """What the tokens do to JSON."""
        return Spelling(
            [token.removeprefix(_MARK) for token in self.tokens], self.special_token_ids
        )

    def held(self, constraint: Constraint) -> Matcher:
        """A matcher at the beginning of a constraint, with all that it asks for. Raises
        ``ValueError`` where its grammar is none."""
        matcher = GrammarMatcher(self.matcher(constraint.grammar), self, Usage())
        if constraint.differences is None:
            return matcher
        text = JsonText(JsonPlaces(constraint.differences))
        return DifferentMatcher(matcher, text, self.spelling)

    def allows(self, constraint: Constraint, text: str) -> bool:
        """Whether the whole text satisfies a constraint."""
        if not self.takes(constraint.grammar, text):
            return False
        differences = constraint.differences
        return differences is None or not JsonText(JsonPlaces(differences)).repeats(text.encode())

    def matcher(self, grammar: str) -> LLMatcher:
        """A matcher at the beginning. Raises ``ValueError`` where the grammar is none."""
        limits = LLParserLimits(verbose_errors=False)
        lark = LLMatcher.grammar_from_lark(grammar)
        matcher = LLMatcher(self.ll, lark, log_level=0, limits=limits)
        if matcher.is_error():
            raise ValueError(matcher.get_error()[:2000])
        return matcher

    def takes(self, grammar: str, text: str) -> bool:
        """Whether the whole text is in the grammar's language."""
        matcher = self.matcher(grammar)
        tokens = self.encode(text)
        return bool(matcher.consume_tokens(tokens)) and matcher.is_accepting()

    def prefix(self, grammar: str, text: str) -> str:
        """The beginning of a text that the grammar takes: for messages of failing tests."""
        matcher = self.matcher(grammar)
        taken = b""
        for token in self.encode(text):
            if not matcher.consume_token(token):
                return taken.decode(errors="replace")
            taken += self.tokens[token].removeprefix(_MARK)
        return text
