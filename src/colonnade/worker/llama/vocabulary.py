"""A model's vocabulary: text to tokens, tokens to bytes."""

from __future__ import annotations

import ctypes
import re
from typing import TYPE_CHECKING, Any

import llama_cpp
import numpy as np

from colonnade.worker.llama.cutting import Cutter
from colonnade.worker.llama.wordpieces import WordPieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LONGEST_RUN = 4096
_RUNS = re.compile(rf"(?<!\S)\S{{{_LONGEST_RUN},}}|(?<!\s)\s{{{_LONGEST_RUN},}}")
"""Text without a break, for which some of llama.cpp's pre-tokenizers recurse once a character:
at some 30,000 characters the thread's stack ends, and the process with it. A shorter run is looked
at once, at its beginning, and not again from each of its characters."""

_USUAL = 256
"""Bytes that the text of nearly every token fits into."""

_BY_BYTES = (llama_cpp.LLAMA_VOCAB_TYPE_SPM, llama_cpp.LLAMA_VOCAB_TYPE_BPE)
"""Vocabularies that spell what they do not know byte by byte."""

_UTF8 = {bytes([byte]) for byte in range(0xF5) if byte not in (0xC0, 0xC1)}
"""The bytes of which texts consist."""

_UNUSUAL = "\U0010fffd \u00fc\n"

_USER_DEFINED = llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED
_MARKED = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | _USER_DEFINED


class Vocabulary:
    """For use from several threads."""

    def __init__(self, vocab: Any) -> None:  # noqa: ANN401 - a ctypes pointer
        self._vocab = vocab
        self.size: int = llama_cpp.llama_vocab_n_tokens(vocab)
        self.bos = self._token(llama_cpp.llama_vocab_bos(vocab))
        self.eos = self._token(llama_cpp.llama_vocab_eos(vocab))
        self.eot = self._token(llama_cpp.llama_vocab_eot(vocab))
        self.add_bos: bool = llama_cpp.llama_vocab_get_add_bos(vocab)
        self.infill = (
            self._token(llama_cpp.llama_vocab_fim_pre(vocab)),
            self._token(llama_cpp.llama_vocab_fim_suf(vocab)),
            self._token(llama_cpp.llama_vocab_fim_mid(vocab)),
        )
        """The tokens before the prefix, the suffix and the middle; None where there is none."""
        self.ends = frozenset(
            token for token in range(self.size) if llama_cpp.llama_vocab_is_eog(vocab, token)
        )
        """Tokens that end a generation."""
        self._attributes = np.fromiter(
            (llama_cpp.llama_vocab_get_attr(vocab, token) for token in range(self.size)),
            dtype=np.int32,
            count=self.size,
        )
        self._names: dict[int, bytes] = {}
        buffer = _buffer()
        self.pieces = [self._render(token, buffer, special=False) for token in range(self.size)]
        """Every token's text, by id; empty for control tokens. Looked up here, a microsecond each,
        because every token of an answer asks for it."""
        self._ids = np.array(range(self.size), dtype=object)
        self._longest = self._longest_text()
        self._cutters = {special: self._cutter(special) for special in (False, True)}
        self._wordpieces = self._by_wordpieces()
        # a vocabulary that cannot spell every text ends the process: let it do so now
        self.tokenize(_UNUSUAL, special=False)

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Tokens of ``text``, nothing added before or after.

        ``special``: names of control tokens in the text become those tokens.
        """
        return [token for part in self.parts(text, special=special) for token in part]

    def parts(self, text: str, *, special: bool) -> Iterator[list[int]]:
        """``tokenize``, in parts: made as they are asked for."""
        if self._wordpieces is not None and not special:
            yield from self._wordpieces.parts(text)
            return
        cutter = self._cutters[special]
        for piece in _pieces(text):
            for part in cutter.parts(piece):
                yield self._tokenize(part, special)

    def least(self, texts: Iterable[str]) -> int:
        """A number of tokens that texts have at least, found without making them. 0 where a token
        may stand for a text of any length."""
        if not self._longest:
            return 0
        return -(-sum(len(text.encode("utf-8", "replace")) for text in texts) // self._longest)

    def shared(self, ids: Iterable[int]) -> list[int]:
        """The same ids, all in the vocabulary, as objects that all prompts share: a prompt that
        waits takes a fifth of the memory so."""
        found: list[int] = self._ids[np.fromiter(ids, dtype=np.int64)].tolist()
        return found

    def _cutter(self, special: bool) -> Cutter:
        """For texts in which names of control tokens become those tokens, or do not."""

        def names(wanted: int) -> set[str]:
            return {self._given(token) for token in self._with_attribute(wanted)}

        kinds = _MARKED | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN if special else _USER_DEFINED
        return Cutter(
            names(kinds),
            names(llama_cpp.LLAMA_TOKEN_ATTR_LSTRIP),
            names(llama_cpp.LLAMA_TOKEN_ATTR_RSTRIP),
        )

    def _by_wordpieces(self) -> WordPieces | None:
        """What cuts texts where llama.cpp would cut them in a way of its own."""
        if llama_cpp.llama_vocab_type(self._vocab) != llama_cpp.LLAMA_VOCAB_TYPE_WPM:
            return None
        names = [self._given(token) for token in range(self.size)]
        return WordPieces.like(names, lambda text: self._tokenize(text, False))

    def _longest_text(self) -> int:
        """Bytes of the longest text of a token; 0 where one may stand for more than its own."""
        kind = llama_cpp.llama_vocab_type(self._vocab)
        stripping = llama_cpp.LLAMA_TOKEN_ATTR_LSTRIP | llama_cpp.LLAMA_TOKEN_ATTR_RSTRIP
        if kind not in _BY_BYTES or any(self._with_attribute(stripping)):
            return 0
        if kind == llama_cpp.LLAMA_VOCAB_TYPE_BPE and not _UTF8.issubset(self.pieces):
            return 0  # bytes that no token has are left out
        longest = max(len(name) for name in self.names())
        # "\u2581" is the same as a space there, and three bytes long
        return longest * (3 if kind == llama_cpp.LLAMA_VOCAB_TYPE_SPM else 1)

    def _given(self, token: int) -> str:
        """A token's text as the file has it."""
        text: bytes = llama_cpp.llama_vocab_get_text(self._vocab, token)
        return text.decode("utf-8", "replace")

    def _tokenize(self, text: str, special: bool) -> list[int]:
        data = text.encode("utf-8", "replace")
        most = len(data) + 16
        while True:
            tokens = np.empty(most, dtype=np.int32)
            pointer = tokens.ctypes.data_as(llama_cpp.llama_token_p)
            count = llama_cpp.llama_tokenize(
                self._vocab, data, len(data), pointer, most, False, special
            )
            if count >= 0:
                ids: list[int] = self._ids[tokens[:count]].tolist()
                return ids
            most = -count

    def name(self, token: int) -> bytes:
        """Text of a token of this vocabulary, control tokens included."""
        name = self._names.get(token)
        if name is None:
            name = self._names[token] = self._render(token, _buffer(), special=True)
        return name

    def names(self) -> list[bytes]:
        """The names of all tokens, by id."""
        buffer = _buffer()
        return [
            piece or self._render(token, buffer, special=True)
            for token, piece in enumerate(self.pieces)
        ]

    def text(self, token: int | None) -> str:
        """``name`` as a string; empty for None."""
        return "" if token is None else self.name(token).decode("utf-8", "replace")

    def special_tokens(self) -> dict[int, str]:
        """Text of every control and user-defined token, by id."""
        return {token: self.text(token) for token in self._with_attribute(_MARKED)}

    def control_tokens(self) -> tuple[int, ...]:
        """Ids of the control tokens."""
        return tuple(self._with_attribute(llama_cpp.LLAMA_TOKEN_ATTR_CONTROL))

    def grammar_tokens(self) -> dict[str, int]:
        """The tokens that a grammar names by id: control tokens, and markers such as
        ``<tool_call>`` among the user-defined ones, of which some are mere white space."""
        control = set(self.control_tokens())
        return {
            name: token
            for token, name in self.special_tokens().items()
            if name and (token in control or (name[0] == "<" and name[-1] == ">"))
        }

    def _with_attribute(self, wanted: int) -> list[int]:
        found: list[int] = np.flatnonzero(self._attributes & wanted).tolist()
        return found

    def _token(self, token: int) -> int | None:
        return token if 0 <= token < self.size else None

    def _render(self, token: int, buffer: ctypes.Array[ctypes.c_char], *, special: bool) -> bytes:
        """A token's text, by way of a buffer that no other thread may use: llama.cpp writes into it
        without the GIL."""
        if not 0 <= token < self.size:  # llama.cpp aborts on an unknown id
            msg = f"no token {token} in a vocabulary of {self.size}"
            raise ValueError(msg)
        while True:
            size = llama_cpp.llama_token_to_piece(
                self._vocab, token, buffer, len(buffer), 0, special
            )
            if size >= 0:
                return buffer.raw[:size]
            buffer = ctypes.create_string_buffer(-size)


def _buffer() -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(_USUAL)


def _pieces(text: str) -> Iterator[str]:
    """The text, cut where it has no break for too long."""
    begin = 0
    for run in _RUNS.finditer(text):
        for cut in range(run.start() + _LONGEST_RUN, run.end(), _LONGEST_RUN):
            yield text[begin:cut]
            begin = cut
    yield text[begin:]
