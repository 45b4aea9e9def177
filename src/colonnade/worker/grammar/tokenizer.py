"""A model's vocabulary as llguidance sees it."""

from __future__ import annotations

import ctypes
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from llguidance import LLTokenizer

if TYPE_CHECKING:
    from colonnade.worker.ports import TokenTable

_SPECIAL = b"\xff"
"""llguidance's mark before the name of a token that no text spells."""

_TOKENIZE = ctypes.CFUNCTYPE(
    ctypes.c_int32,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int32,
    ctypes.c_void_p,
    ctypes.c_int32,
    ctypes.c_bool,
    ctypes.c_bool,
)
"""``llama_tokenize``: vocabulary, text, its bytes, room for tokens, their number, BOS, special;
returns how many tokens there are, negative where the room is too small."""


class GrammarTokenizer:
    """Building it goes through the whole vocabulary: half a second for 150,000 tokens."""

    def __init__(self, table: TokenTable) -> None:
        self.names = table.names
        self.special = frozenset(table.special.values())
        tokens = list(table.names)
        for token in table.special.values():
            tokens[token] = _SPECIAL + tokens[token]
        self.size = len(tokens)
        self._tokenize = _as_text(table)
        self.ll: LLTokenizer = LLTokenizer.from_llamacpp(
            tokens=tokens,
            vocab_ptr=table.vocabulary_address,
            tokenize_fptr=ctypes.cast(self._tokenize, ctypes.c_void_p).value,
            eos_token=list(table.ends),
        )

    def plain(self, text: bytes) -> list[int]:
        """Tokens that spell exactly these bytes; names of special tokens are text."""
        tokens: list[int] = self.ll.tokenize_bytes(text)
        return tokens

    def marked(self, text: str) -> list[int]:
        """Tokens of a text in which names of special tokens become those tokens."""
        tokens: list[int] = self.ll.tokenize_bytes(text.encode(), parse_special=True)
        return tokens


def _as_text(table: TokenTable) -> Any:  # noqa: ANN401 - a C function
    """``llama_tokenize``, but that without ``special`` no special token comes out of a text.

    llama.cpp itself then leaves out control tokens alone, and reads user-defined ones such as
    ``<tool_call>`` out of any text, also of what a grammar wants to be spelled.
    """
    tokenize: Any = _TOKENIZE(table.tokenize_address)
    names = sorted((table.names[token] for token in table.special.values()), key=len, reverse=True)
    if not names:
        return tokenize
    named = re.compile(b"|".join(map(re.escape, names)))

    def as_text(
        vocabulary: int, text: int, size: int, room: int, most: int, bos: bool, special: bool
    ) -> int:
        found = [] if special else list(named.finditer(ctypes.string_at(text, size)))
        if not found:
            return int(tokenize(vocabulary, text, size, room, most, bos, special))
        # Cut behind the first byte of each name, the text has none any more.
        cuts = (0, *(each.start() + 1 for each in found), size)
        pieces = [(text + begin, end - begin) for begin, end in pairwise(cuts)]
        counts = [-tokenize(vocabulary, *piece, None, 0, False, False) for piece in pieces]
        if sum(counts) > most:
            return -int(sum(counts))
        for piece, count in zip(pieces, counts, strict=True):
            tokenize(vocabulary, *piece, room, count, False, False)
            room += count * ctypes.sizeof(ctypes.c_int32)
        return int(sum(counts))

    return _TOKENIZE(as_text)
