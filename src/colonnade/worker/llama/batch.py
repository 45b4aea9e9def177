"""A ``llama_batch`` over numpy arrays, filled by slices."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import llama_cpp
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from colonnade.worker.ports import Chunk


class Batch:
    """Room for ``size`` tokens, each of one sequence."""

    def __init__(self, size: int) -> None:
        self._tokens = np.zeros(size, dtype=np.int32)
        self._positions = np.zeros(size, dtype=np.int32)
        self._counts = np.ones(size, dtype=np.int32)
        self._slots = np.zeros(size, dtype=np.int32)
        self._outputs = np.zeros(size, dtype=np.int8)
        # seq_id is an array of pointers, each to the one sequence id of its token
        first, step = self._slots.ctypes.data, self._slots.itemsize
        self._slot_pointers = np.arange(first, first + size * step, step, dtype=np.uintp)
        self.raw = llama_cpp.llama_batch(
            n_tokens=0,
            token=_pointer(self._tokens, llama_cpp.llama_token),
            embd=None,
            pos=_pointer(self._positions, llama_cpp.llama_pos),
            n_seq_id=_pointer(self._counts, ctypes.c_int32),
            seq_id=_pointer(self._slot_pointers, ctypes.POINTER(llama_cpp.llama_seq_id)),
            logits=_pointer(self._outputs, ctypes.c_int8),
        )

    def fill(self, chunks: Sequence[Chunk]) -> int:
        """Put the chunks into the batch; returns the number of rows of logits asked for."""
        if all(len(chunk.tokens) == 1 for chunk in chunks):
            return self._fill_decode(chunks)
        at = rows = 0
        for slot, position, tokens, outputs in chunks:
            end = at + len(tokens)
            self._tokens[at:end] = tokens
            self._positions[at:end] = np.arange(position, position + len(tokens))
            self._slots[at:end] = slot
            self._outputs[at:end] = 0
            self._outputs[end - outputs : end] = 1
            rows += outputs
            at = end
        self.raw.n_tokens = at
        return rows

    def _fill_decode(self, chunks: Sequence[Chunk]) -> int:
        """One token a sequence: one assignment an array rather than one a chunk."""
        count = len(chunks)
        slots, positions, tokens, outputs = zip(*chunks, strict=True)
        self._tokens[:count] = [token[0] for token in tokens]
        self._positions[:count] = positions
        self._slots[:count] = slots
        self._outputs[:count] = outputs
        self.raw.n_tokens = count
        return sum(outputs)


def _pointer(array: NDArray[np.generic], kind: type) -> object:
    return array.ctypes.data_as(ctypes.POINTER(kind))
