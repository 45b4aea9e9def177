"""What is made of the rows that a model gives: numbers are cut off, and the rest is scaled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from colonnade.worker.embedding.request import Wish

_LARGEST = 32760.0
"""What the largest number becomes with a norm of order 0, as llama.cpp has it."""


def finished(rows: NDArray[np.float32], wish: Wish) -> bytes:
    """The rows, (count, numbers), as they are sent: float32, little-endian.

    A row of zeros stays one.
    """
    rows = rows[:, : wish.dimensions]
    if wish.norm is not None:
        norms = _norms(np.abs(rows.astype(np.float64)), wish.norm)
        scales = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
        rows = rows * scales[:, np.newaxis].astype(np.float32)
    return rows.astype("<f4").tobytes()


def _norms(sizes: NDArray[np.float64], order: float) -> NDArray[np.float64]:
    """Of each row of absolute values, (count, numbers): (count)."""
    if order == 0:
        found: NDArray[np.float64] = sizes.max(axis=1) / _LARGEST
        return found
    if order == 2:
        lengths: NDArray[np.float64] = np.sqrt(np.einsum("ij,ij->i", sizes, sizes))
        return lengths
    largest = sizes.max(axis=1, keepdims=True)  # or powers of it might be beyond all numbers
    shares = np.divide(sizes, largest, out=np.zeros_like(sizes), where=largest > 0)
    sums: NDArray[np.float64] = np.sum(shares**order, axis=1) ** (1 / order) * largest[:, 0]
    return sums
