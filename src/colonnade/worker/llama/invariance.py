"""In which shapes of batches a row of logits comes out the same to the last bit.

Kernels round differently for one row, for some and for many: those that take rows by fours compute
what is left over in another way, and attention has ways of its own for a row alone and for 64 rows
of a sequence. Batches whose numbers of rows are multiples of the right number, of fewer than 64
rows a sequence, leave them no choice. Which number that is depends on the types of the weights and
on the processor; it is found by trying. Two ways of many rows are switched off: weights are not
rearranged for products by fours (``loading``), and K-quants are not multiplied in blocks from eight
rows on (the worker's environment, ``engine.process``).
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import llama_cpp
import numpy as np

from colonnade.worker.llama.errors import ModelError
from colonnade.worker.ports import Chunk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from colonnade.messages import LoadModel
    from colonnade.worker.llama.model import LlamaModel

SPARE = 4
"""Tokens of context that are kept free in each slot, for rows that are read for nothing."""

MOST_ROWS = 4
"""The largest number that is tried: no kernel of llama.cpp for processors takes more together."""

_TOKENS = 48
"""Length of the text that is read in several ways: less than 64, and made of fours and twelves."""

_MOST_BESIDE = 3
"""Sequences that are read beside it."""


def check_invariance(load: LoadModel) -> None:
    """Refuse options under which shapes cannot be kept, before the model is loaded.

    Raises:
        ModelError: with the option's name.
    """
    if not load.batch_invariant:
        return
    tuning = load.tuning
    for name, clash in (
        ("flash_attention off", load.flash_attention == "off"),
        ("a draft model", bool(load.draft_path)),
        ("mmproj", bool(load.projector_path)),
        ("ubatch_size", tuning.ubatch_size is not None),
        ("swa_full off", tuning.swa_full is False),
        ("gpu_layers", load.gpu_layers != 0 and llama_cpp.llama_supports_gpu_offload()),
    ):
        if clash:
            msg = f"batch_invariant cannot be had with {name}"
            raise ModelError(msg)


def invariant_rows(model: LlamaModel) -> int:
    """The number whose multiples are such numbers of rows, found by reading a text in many ways.

    Leaves the slots empty.

    Raises:
        ModelError: there is none up to ``MOST_ROWS``, or what was read cannot be taken back.
    """
    if not model.forgets:
        msg = "batch_invariant cannot be had with this model: its memory cannot be cut"
        raise ModelError(msg)
    rows = next((rows for rows in (1, 2, MOST_ROWS) if _are_all_alike(model, rows)), 0)
    model.use(())
    for slot in range(model.slots):
        model.keep(slot, 0)
    if not rows:
        msg = "batch_invariant cannot be had with this model: its kernels round by the batch"
        raise ModelError(msg)
    return rows


def _are_all_alike(model: LlamaModel, rows: int) -> bool:
    """The same with each adapter, too: its matrices may have another type than the model's."""
    for adapters in ((), *(((place, 1.0),) for place in range(model.adapters))):
        model.use(adapters)
        if not _are_alike(model, rows):
            return False
    return True


def _are_alike(model: LlamaModel, rows: int) -> bool:
    """Whether the last row is the same in all shapes whose rows are multiples of a number."""
    found = _last_rows(model, rows)
    first = next(found)
    return all(np.array_equal(first, each) for each in found)


def _last_rows(model: LlamaModel, rows: int) -> Iterator[NDArray[np.float32]]:
    """The logits behind the text, read in one way after the other."""
    room = min(model.batch_size // (1 + _MOST_BESIDE), model.ctx_size - 1)
    length = max(rows, min(_TOKENS, room) // rows * rows)
    half = length // 2 // rows * rows
    text = [7 + 13 * index % (len(model.pieces) - 7) for index in range(length + 1)]
    yield _read(model, text, [length], 0, rows)
    yield _read(model, text, [rows] * (length // rows), 0, 2 * rows)
    for beside in range(1, min(_MOST_BESIDE, model.slots - 1) + 1):
        cuts = [half, length - half] if half else [length]
        width = rows // np.gcd(rows, beside + 1)
        yield _read(model, text, cuts, beside, int(width))


def _read(
    model: LlamaModel, text: list[int], cuts: list[int], beside: int, width: int
) -> NDArray[np.float32]:
    """Read a text in pieces of these lengths, and its last token in so many rows, in the first slot
    and in so many beside it. Returns the first slot's first row, (vocab_size)."""
    slots = range(1 + beside)
    for slot in slots:
        model.keep(slot, 0)
    ends = np.cumsum(cuts).tolist()
    for begin, end in zip(chain([0], ends), ends, strict=False):
        model.decode([Chunk(slot, begin, text[begin:end], 0) for slot in slots])
    last = [Chunk(slot, ends[-1], text[-1:] * width, width) for slot in slots]
    logits: NDArray[np.float32] = model.decode(last)[0]
    return logits.copy()
