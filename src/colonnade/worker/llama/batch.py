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
        at = rows = 0
        for slot, position, tokens, outputs, *_ in chunks:
            if len(tokens) == 1:  # slices take seven times as long
                self._tokens[at] = tokens[0]
                self._positions[at] = position
                self._slots[at] = slot
                self._outputs[at] = outputs
            else:
                self._put(at, slot, position, tokens, outputs)
            at += len(tokens)
            rows += outputs
        self.raw.n_tokens = at
        return rows

    def _put(self, at: int, slot: int, position: int, tokens: Sequence[int], outputs: int) -> None:
        end = at + len(tokens)
        self._tokens[at:end] = tokens
        self._positions[at:end] = np.arange(position, position + len(tokens))
        self._slots[at:end] = slot
        self._outputs[at:end] = 0
        self._outputs[end - outputs : end] = 1


def _pointer(array: NDArray[np.generic], kind: type) -> object:
    return array.ctypes.data_as(ctypes.POINTER(kind))
