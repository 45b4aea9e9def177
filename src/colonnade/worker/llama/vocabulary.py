"""A model's vocabulary: text to tokens, tokens to bytes."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp
import numpy as np

_MARKED = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED


class Vocabulary:
    """Pieces are looked up once and kept."""

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
        self.ends = tuple(
            token for token in range(self.size) if llama_cpp.llama_vocab_is_eog(vocab, token)
        )
        self._end_set = frozenset(self.ends)
        self._pieces: dict[int, bytes] = {}
        self._names: dict[int, bytes] = {}
        self._buffer = ctypes.create_string_buffer(256)

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Tokens of ``text``, nothing added before or after.

        ``special``: names of control tokens in the text become those tokens.
        """
        data = text.encode("utf-8", "replace")
        most = len(data) + 16
        while True:
            tokens = np.empty(most, dtype=np.int32)
            pointer = tokens.ctypes.data_as(llama_cpp.llama_token_p)
            count = llama_cpp.llama_tokenize(
                self._vocab, data, len(data), pointer, most, False, special
            )
            if count >= 0:
                ids: list[int] = tokens[:count].tolist()
                return ids
            most = -count

    def piece(self, token: int) -> bytes:
        """Text of a token of this vocabulary; empty for control tokens."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._render(token, special=False)
        return piece

    def name(self, token: int) -> bytes:
        """Text of a token of this vocabulary, control tokens included."""
        name = self._names.get(token)
        if name is None:
            name = self._names[token] = self._render(token, special=True)
        return name

    def text(self, token: int | None) -> str:
        """``name`` as a string; empty for None."""
        return "" if token is None else self.name(token).decode("utf-8", "replace")

    def is_end(self, token: int) -> bool:
        """Whether the token ends a generation."""
        return token in self._end_set

    def special_tokens(self) -> dict[int, str]:
        """Text of every control and user-defined token, by id."""
        attributes = llama_cpp.llama_vocab_get_attr
        return {
            token: self.text(token)
            for token in range(self.size)
            if attributes(self._vocab, token) & _MARKED
        }

    def _token(self, token: int) -> int | None:
        return token if 0 <= token < self.size else None

    def _render(self, token: int, *, special: bool) -> bytes:
        if not 0 <= token < self.size:  # llama.cpp aborts on an unknown id
            msg = f"no token {token} in a vocabulary of {self.size}"
            raise ValueError(msg)
        buffer = self._buffer
        while True:
            size = llama_cpp.llama_token_to_piece(
                self._vocab, token, buffer, len(buffer), 0, special
            )
            if size >= 0:
                return buffer.raw[:size]
            buffer = ctypes.create_string_buffer(-size)
