"""What a request forbids: held against the plain meaning of it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from colonnade.messages import Decoding
from colonnade.worker.restraint import Restraint

SIZE = 6
tokens = st.integers(0, SIZE - 1)
texts = st.lists(tokens, max_size=8)


def may_follow(
    token: int, said: list[int], decoding: Decoding, ends: set[int], words: list[list[int]]
) -> bool:
    if len(said) < decoding.min_tokens and token in {*ends, *decoding.stop_tokens}:
        return False
    if any([*said, token][-len(word) :] == word for word in words):
        return False
    return decoding.allowed_tokens is None or token in decoding.allowed_tokens


@given(
    prompt=st.lists(tokens, min_size=1, max_size=4),
    said=texts,
    ends=st.sets(tokens, max_size=2),
    stops=st.lists(tokens, max_size=2),
    least=st.integers(0, 6),
    words=st.lists(st.lists(tokens, min_size=1, max_size=3), max_size=4),
    allowed=st.none() | st.lists(tokens, min_size=1, max_size=4),
)
def test_nothing_else_is_forbidden(
    prompt: list[int],
    said: list[int],
    ends: set[int],
    stops: list[int],
    least: int,
    words: list[list[int]],
    allowed: list[int] | None,
) -> None:
    decoding = Decoding(
        stop_tokens=tuple(stops),
        min_tokens=least,
        allowed_tokens=None if allowed is None else tuple(allowed),
    )
    restraint = Restraint(decoding, ends, words, SIZE)
    row = np.zeros(SIZE, dtype=np.float32)
    restraint.apply(row, prompt + said, len(prompt))
    expected = [may_follow(token, said, decoding, ends, words) for token in range(SIZE)]
    mask = np.ones(SIZE) if restraint.mask is None else restraint.mask
    assert [bool(np.isfinite(row[token]) and mask[token]) for token in range(SIZE)] == expected
    assert restraint.leaves_nothing(row) == (allowed is not None and not any(expected))
