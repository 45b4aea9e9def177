"""How much memory a model will take, before it takes it.

llama.cpp puts a model and its context together without allocating anything (``no_alloc``) and says
in its log how large each part would be; no function of its C API does. Sizes are in bytes, of
memory of the machine: what lies on GPUs is theirs.
"""

from __future__ import annotations

import ctypes
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llama_cpp
import msgspec

from colonnade.worker.llama.adapters import adapter_files
from colonnade.worker.llama.context import context_size, open_context
from colonnade.worker.llama.loading import draft_load, open_model, reads_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.messages import LoadModel

_CACHE = re.compile(r": size = +([\d.]+) MiB \( *\d+ cells")
_BUFFER = re.compile(r"(\S+) +(?:compute|output) buffer size = +([\d.]+) MiB")
_REPACKED = re.compile(r"_REPACK model buffer size")
_PROGRAM = 30 << 20
"""A worker with its libraries, and what it has for a model whatever its size."""

_TOKEN = 970
"""What a token of the vocabulary takes: its texts, in llama.cpp, in Python and for grammars."""

_LONGEST = 500
"""Bytes of a line: some hold texts of the file."""

_ERROR = 4  # enum ggml_log_level

_NEAR = 1 << 18
"""Cells of a context that is put together to see how large it would be. What more of them would
take is computed: it grows by the same amount with each."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a model takes of the machine's memory."""

    weights: int
    """Those that are read, or rearranged."""
    mapped: int
    """Those of a mapped file, whose pages the system may drop and read again."""
    cache: int
    """Keys and values of all slots, and recurrent states."""
    compute: int
    """What is computed with, and rows of logits."""
    program: int
    """The process itself, with the vocabulary."""

    @property
    def total(self) -> int:
        """Bytes that have to be there."""
        return self.weights + self.cache + self.compute + self.program


def footprint(load: LoadModel) -> Footprint:
    """Find out what a model takes, with its draft model, in some tenths of a second.

    Raises:
        ModelError: a file is no model, or a setting cannot be had.
    """
    found, ctx_size = _footprint(load)
    if not load.draft_path:
        return found
    draft, _ = _footprint(draft_load(load, ctx_size))
    return Footprint(
        *(
            getattr(found, part) + (0 if part == "program" else getattr(draft, part))
            for part in Footprint.__slots__
        )
    )


def _footprint(load: LoadModel) -> tuple[Footprint, int]:
    """What one model takes, and the size of its context."""
    with _listening() as log:
        model = open_model(load, lambda _: True, weights=False).pointer
        try:
            here = _share_here(model, load)
            size = int(llama_cpp.llama_model_size(model) * here)
            tokens = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
            read = reads_whole(load) or any(_REPACKED.search(line) for line in log)
            ctx_size = context_size(model, load)
            cache, compute = _context(model, load, ctx_size, log)
        finally:
            llama_cpp.llama_model_free(model)
    here = 1.0 if load.tuning.offload_kqv is False else here
    found = Footprint(
        weights=(size if read else 0) + _adapters(load),
        mapped=0 if read else size,
        cache=int(cache * here),
        compute=int(compute),
        program=_PROGRAM + _TOKEN * tokens,
    )
    return found, ctx_size


def _context(
    model: Any,  # noqa: ANN401
    load: LoadModel,
    ctx_size: int,
    log: list[str],
) -> tuple[float, float]:
    """Bytes of the context's cache, wherever it is, and of what is computed with here.

    Recurrent states are allocated in earnest: one slot's, therefore.
    """
    recurrent = llama_cpp.llama_model_is_recurrent(model) or llama_cpp.llama_model_is_hybrid(model)
    slots = 1 if recurrent else load.slots
    near = max(1024, _NEAR // slots)
    sizes = (ctx_size,) if ctx_size <= 2 * near else (near, 2 * near)
    found = [_sizes(model, load, size, slots, log) for size in sizes]
    caches, computes = zip(*found, strict=True)
    cache, compute = (_beyond(each, near, ctx_size) for each in (caches, computes))
    return cache * load.slots / slots, compute


def _beyond(found: tuple[float, ...], near: int, ctx_size: int) -> float:
    """What it is with ``ctx_size``, from what it is with ``near`` and with twice as much; or the
    only one there is."""
    return found[0] + (found[-1] - found[0]) * (ctx_size - near) / near


def _sizes(
    model: Any,  # noqa: ANN401
    load: LoadModel,
    ctx_size: int,
    slots: int,
    log: list[str],
) -> tuple[float, float]:
    """Put a context together; bytes of its cache and of what it computes with here."""
    log.clear()
    shape = msgspec.structs.replace(load, ctx_size=ctx_size, slots=slots)
    llama_cpp.llama_free(open_context(model, shape).pointer)
    cache = sum(float(found[1]) for line in log if (found := _CACHE.search(line)))
    buffers = [found.groups() for line in log if (found := _BUFFER.search(line))]
    compute = sum(float(size) for name, size in buffers if _is_here(name))
    return cache * (1 << 20), compute * (1 << 20)


def _is_here(buffer: str) -> bool:
    """Whether a kind of buffer lies in the machine's memory, by llama.cpp's name for it."""
    return buffer.startswith("CPU") or buffer.endswith("_Host")


def _share_here(model: Any, load: LoadModel) -> float:  # noqa: ANN401
    """The part of the model's layers that is not on GPUs; the output counts for one."""
    if not llama_cpp.llama_supports_gpu_offload() or load.gpu_layers == 0:
        return 1.0
    layers = llama_cpp.llama_model_n_layer(model) + 1
    there = layers if load.gpu_layers < 0 else min(load.gpu_layers, layers)
    return float(1 - there / layers)


def _adapters(load: LoadModel) -> int:
    """Bytes of the adapters. One that is not there takes none, and is refused when it is read."""
    files = map(Path, adapter_files(load))
    return sum(file.stat().st_size for file in files if file.is_file())


@contextmanager
def _listening() -> Iterator[list[str]]:
    """The lines of llama.cpp's log. Only errors go where they went before: warnings will come again
    when the model is loaded."""
    lines: list[str] = []
    before, data = llama_cpp.llama_log_callback(), ctypes.c_void_p()
    llama_cpp.llama_log_get(ctypes.byref(before), ctypes.byref(data))

    @llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
    def listen(level: int, text: bytes, user_data: ctypes.c_void_p) -> None:
        lines.append(text[:_LONGEST].decode("utf-8", "replace"))
        if level == _ERROR:
            before(level, text, user_data)

    llama_cpp.llama_log_set(listen, data)
    try:
        yield lines
    finally:
        llama_cpp.llama_log_set(before, data)
