"""A ``llama_batch`` of embeddings: a picture's or a sound's, of one slot."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import llama_cpp
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from colonnade.worker.spans import Run


class EmbeddingBatch:
    """Room for ``size`` embeddings of ``width`` numbers, at positions of ``dimensions`` numbers."""

    def __init__(self, size: int, dimensions: int) -> None:
        self._dimensions = dimensions
        self._positions = np.zeros(size * dimensions, dtype=np.int32)
        self._counts = np.ones(size, dtype=np.int32)
        self._slot = np.zeros(1, dtype=np.int32)
        self._slot_pointers = np.full(size, self._slot.ctypes.data, dtype=np.uintp)
        self._outputs = np.zeros(size, dtype=np.int8)
        self._rows: NDArray[np.float32] | None = None
        """The last ones, for as long as llama.cpp may read them."""

    def fill(
        self, slot: int, position: int, rows: NDArray[np.float32], run: Run, first: int
    ) -> llama_cpp.llama_batch:
        """The embeddings ``first`` and following of a run, which begins at ``position``, as a
        batch. ``rows`` has all of those that are to be read, (count, width), contiguous."""
        count = len(rows)
        self._rows = rows
        self._slot[0] = slot
        place = np.arange(first, first + count, dtype=np.int32)
        if self._dimensions == 1:
            self._positions[:count] = position + place
        elif not run.columns:
            self._positions[: 4 * count] = np.tile(position + place, 4)
        else:  # time, row, column and nothing
            parts = self._positions[: 4 * count].reshape(4, count)
            parts[0] = position
            parts[1] = position + place // run.columns
            parts[2] = position + place % run.columns
            parts[3] = 0
        return llama_cpp.llama_batch(
            n_tokens=count,
            token=None,
            embd=_pointer(rows, ctypes.c_float),
            pos=_pointer(self._positions, llama_cpp.llama_pos),
            n_seq_id=_pointer(self._counts, ctypes.c_int32),
            seq_id=_pointer(self._slot_pointers, ctypes.POINTER(llama_cpp.llama_seq_id)),
            logits=_pointer(self._outputs, ctypes.c_int8),
        )


def _pointer(array: NDArray[np.generic], kind: type) -> object:
    return array.ctypes.data_as(ctypes.POINTER(kind))
