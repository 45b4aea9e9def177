"""Whether a model may be loaded here: within the operator's memory and this machine's means."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from colonnade.machine.memory import usable_memory
from colonnade.messages import Footprint, Tuning, size_text
from colonnade.worker.llama.context import DEFAULT_CTX
from colonnade.worker.llama.errors import ModelError
from colonnade.worker.llama.fit import fit
from colonnade.worker.llama.footprint import Scales, footprint
from colonnade.worker.llama.gpus import gpus
from colonnade.worker.llama.header import HeaderError, read_numbers
from colonnade.worker.llama.loading import file_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from colonnade.messages import LoadModel

_TIMES = 8
"""Copies of what passes from layer to layer that are there at once, at the most."""

_REST = 512 << 20
"""The program, and rows of logits of the largest vocabularies."""

_NO_TUNING = Tuning()

_THREADS_OF_A_PROCESSOR = 4
_THREADS = 32
"""On however few processors."""


def check_room(
    load: LoadModel, measure: Callable[[LoadModel], Footprint] = footprint
) -> Footprint | None:
    """Refuse a model that is too large before anything large is allocated.

    Returns what it takes, or None where that needs no closer look.

    Raises:
        ModelError: with what it takes, and what there is.
    """
    _check_threads(load)
    most = memory_to_use(load)
    if most is None or _fits_plainly(load, most):
        return None
    found = measure(load)
    if found.own > most:
        given = "--memory allows" if load.memory else "there is room for"
        msg = (
            f"{load.path} takes about {size_text(found.own)} of memory, {_parts(found, load)}; "
            f"{given} {size_text(most)}. A smaller context, batch or number of slots takes less."
        )
        raise ModelError(msg)
    return found


def fitted(load: LoadModel) -> LoadModel:
    """Choose what a load leaves open, where nobody has: context, slots, layers on GPUs.

    Raises:
        ModelError: what is the least of use does not fit; with what it takes.
    """
    if load.ctx_size != 0 and load.slots and (load.gpu_layers >= 0 or not gpus()):
        return load
    with Scales(load) as scales:
        return fit(load, scales, memory_to_use(load)).load


def memory_to_use(load: LoadModel) -> int | None:
    """Bytes that the model may take: as the operator says, or most of what is free; None where the
    system does not tell."""
    return usable_memory(load.memory << 20)


def _fits_plainly(load: LoadModel, most: int) -> bool:
    """Whether it fits twice, by a bound that the beginning of the file gives in no time."""
    path = Path(load.path)
    alone = not (load.draft_path or load.projector_path or load.adapters)
    usual = load.task == "generate" and load.flash_attention != "off" and load.kv_type != "f32"
    if not alone or not usual or load.tuning != _NO_TUNING:
        return False
    try:
        size = file_size(path)
        numbers = read_numbers(path)
    except (HeaderError, OSError):
        return False
    bound = _bound(load, {name.partition(".")[2]: each for name, each in numbers.items()})
    return bound is not None and 2 * (size + bound) <= most


def _bound(load: LoadModel, said: Mapping[str, float]) -> float | None:
    """The most bytes that a context of a usual model takes, and what is computed with it."""
    if any(name.startswith("ssm.") for name in said):
        return None  # states are no keys and values
    try:
        layers, width, heads = (
            said[name] for name in ("block_count", "embedding_length", "attention.head_count")
        )
        head = width / max(1, heads)
        keys = said.get("attention.key_length", head) + said.get("attention.value_length", head)
        ctx_size = load.ctx_size or min(said["context_length"], DEFAULT_CTX)
        ffn = said["feed_forward_length"]
    except KeyError:
        return None
    cache = 2 * layers * heads * keys * ctx_size * load.slots
    channels = _TIMES * (width + ffn + heads * keys) + ctx_size
    return cache + 4 * channels * load.batch_size + _REST


def _parts(found: Footprint, load: LoadModel) -> str:
    ctx = f"of {load.slots} x {load.ctx_size} tokens " if load.ctx_size else ""
    cache, compute = size_text(found.cache), size_text(found.compute)
    return f"{cache} for the context {ctx}and {compute} to compute with"


def _check_threads(load: LoadModel) -> None:
    processors = os.cpu_count() or 1
    most = max(_THREADS, _THREADS_OF_A_PROCESSOR * processors)
    for name in ("threads", "threads_batch"):
        wanted = getattr(load, name)
        if wanted > most:
            msg = (
                f"{name} is {wanted}; with this machine's {processors} processors it can be "
                f"{most} at most"
            )
            raise ModelError(msg)
