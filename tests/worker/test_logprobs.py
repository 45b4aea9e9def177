import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from colonnade.worker.logprobs import log_softmax, most_likely, token_logprob

rows = st.lists(st.floats(-80, 80, width=32, allow_subnormal=False), min_size=1, max_size=50).map(
    lambda values: np.array(values, dtype=np.float32)
)


@given(rows)
def test_probabilities_sum_to_one_and_the_row_is_left_alone(row: np.ndarray) -> None:
    before = row.copy()
    assert math.isclose(np.exp(log_softmax(row).astype(np.float64)).sum(), 1, rel_tol=1e-4)
    assert np.array_equal(row, before)


@given(rows, st.integers(0, 60))
def test_the_most_likely_come_first_and_ties_go_by_id(row: np.ndarray, count: int) -> None:
    best = most_likely(row, count)
    expected = sorted(range(len(row)), key=lambda token: (-row[token], token))
    assert [row[token] for token in best] == [row[token] for token in expected[:count]]
    assert best == sorted(best, key=lambda token: (-row[token], token))


def test_an_entry_names_its_token_and_the_alternatives() -> None:
    logprobs = log_softmax(np.log(np.array([0.5, 0.2, 0.3], dtype=np.float32)))
    entry = token_logprob(logprobs, 1, 2, lambda token: b"abc"[token : token + 1])
    assert (entry.id, entry.token) == (1, b"b")
    assert math.isclose(math.exp(entry.logprob or 0), 0.2, rel_tol=1e-5)
    assert [(other.id, other.token) for other in entry.top] == [(0, b"a"), (2, b"c")]
