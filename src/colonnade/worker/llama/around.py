"""The tokens that a vocabulary has put around texts, as llama.cpp's tokenizer and its server do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import llama_cpp
import numpy as np

from colonnade.worker.embedding.ports import Around

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST = 8
"""Tokens around an empty text."""


def tokens_around(vocab: Any) -> Around:  # noqa: ANN401 - a ctypes pointer
    """Those of a vocabulary."""
    pieces = llama_cpp.llama_vocab_type(vocab) == llama_cpp.LLAMA_VOCAB_TYPE_WPM
    begins = llama_cpp.llama_vocab_get_add_bos(vocab)
    ends = llama_cpp.llama_vocab_get_add_eos(vocab)
    eos, sep = llama_cpp.llama_vocab_eos(vocab), llama_cpp.llama_vocab_sep(vocab)
    end = (eos if eos >= 0 else sep,) if ends else ()
    between = (sep,) if llama_cpp.llama_vocab_get_add_sep(vocab) else ()
    around = _around_nothing(vocab)
    first = 1 if pieces or begins else 0
    return Around(
        head=around[:first],
        tail=around[first:],
        pair_head=_there((llama_cpp.llama_vocab_bos(vocab),) if begins else ()),
        between=_there((*end, *between)),
        pair_tail=_there(end),
    )


def _around_nothing(vocab: Any) -> tuple[int, ...]:  # noqa: ANN401
    tokens = np.empty(_MOST, dtype=np.int32)
    pointer = tokens.ctypes.data_as(llama_cpp.llama_token_p)
    count = llama_cpp.llama_tokenize(vocab, b"", 0, pointer, _MOST, True, False)
    return tuple(tokens[: max(0, count)].tolist())


def _there(tokens: Iterable[int]) -> tuple[int, ...]:
    return tuple(token for token in tokens if token >= 0)
