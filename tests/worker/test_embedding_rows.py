"""What is made of rows before they are sent."""

from __future__ import annotations

import numpy as np
import pytest

from colonnade.worker.embedding.request import Wish
from colonnade.worker.embedding.rows import finished


def made(rows: object, dimensions: int | None, norm: float | None) -> np.ndarray[tuple[int, ...]]:
    given = np.asarray(rows, dtype=np.float32)
    return np.frombuffer(finished(given, Wish(dimensions, norm)), "<f4").reshape(len(given), -1)


@pytest.mark.parametrize(
    ("norm", "expected"),
    [
        (None, [3.0, -4.0]),
        (2.0, [0.6, -0.8]),
        (1.0, [3 / 7, -4 / 7]),
        (0.0, [24570.0, -32760.0]),
        (3.0, [3 / 91 ** (1 / 3), -4 / 91 ** (1 / 3)]),
    ],
)
def test_norms(norm: float | None, expected: list[float]) -> None:
    np.testing.assert_allclose(made([[3, -4]], None, norm), [expected], rtol=1e-6)


@pytest.mark.parametrize("norm", [None, 0.0, 1.0, 2.0, 5.0])
def test_a_row_of_zeros_stays_one(norm: float | None) -> None:
    np.testing.assert_array_equal(made([[0, 0, 0]], None, norm), [[0, 0, 0]])


def test_what_is_cut_off_is_no_part_of_the_length() -> None:
    np.testing.assert_allclose(made([[3, -4, 12], [1, 0, 9]], 2, 2.0), [[0.6, -0.8], [1, 0]])


def test_large_orders_and_numbers() -> None:
    found = made([[3e38, 1e38], [1e-30, 0]], None, 200.0)
    np.testing.assert_allclose(found, [[1, 1 / 3], [1, 0]], rtol=1e-5)
