"""A model's vocabulary as llguidance sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llguidance import LLTokenizer

if TYPE_CHECKING:
    from colonnade.worker.ports import TokenTable

_SPECIAL = b"\xff"
"""llguidance's mark before the name of a token that no text spells."""


class GrammarTokenizer:
    """Building it goes through the whole vocabulary: half a second for 150,000 tokens."""

    def __init__(self, table: TokenTable) -> None:
        tokens = list(table.names)
        for token in table.special.values():
            tokens[token] = _SPECIAL + tokens[token]
        self.size = len(tokens)
        self.ll: LLTokenizer = LLTokenizer.from_llamacpp(
            tokens=tokens,
            vocab_ptr=table.vocabulary_address,
            tokenize_fptr=table.tokenize_address,
            eos_token=list(table.ends),
        )

    def plain(self, text: bytes) -> list[int]:
        """Tokens that spell exactly these bytes; names of control tokens are text."""
        tokens: list[int] = self.ll.tokenize_bytes(text)
        return tokens

    def marked(self, text: str) -> list[int]:
        """Tokens of a text in which names of special tokens become those tokens."""
        tokens: list[int] = self.ll.tokenize_bytes(text.encode(), parse_special=True)
        return tokens
