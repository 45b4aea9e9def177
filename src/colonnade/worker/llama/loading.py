"""Opening a model file, with errors that say what is wrong."""

from __future__ import annotations

import os
import re
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import llama_cpp
import msgspec

from colonnade.machine.memory import free_memory, has_huge_pages
from colonnade.messages import Tuning
from colonnade.worker.llama import log
from colonnade.worker.llama.errors import ModelError, why
from colonnade.worker.llama.overrides import OverrideWatch, override_array
from colonnade.worker.llama.tuning import tune_model

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable

    from colonnade.messages import LoadModel

_LOAD_MODES = {
    (False, False): llama_cpp.LLAMA_LOAD_MODE_NONE,
    (True, False): llama_cpp.LLAMA_LOAD_MODE_MMAP,
    (False, True): llama_cpp.LLAMA_LOAD_MODE_MLOCK,
    (True, True): llama_cpp.LLAMA_LOAD_MODE_MMAP_MLOCK,
}


_SHARD = re.compile(r"-\d{5}-of-(\d{5})\.gguf$")
"""The end of the name of one file of several."""


class OpenModel(NamedTuple):
    """A model, and what has to live as long."""

    pointer: Any
    """The ``llama_model``."""
    arrays: tuple[Any, ...]
    """What llama.cpp was given pointers to."""


def open_model(
    load: LoadModel, on_progress: Callable[[float], bool], *, weights: bool = True
) -> OpenModel:
    """Load the file's tensors; without ``weights`` only what is known of them.

    Raises:
        ModelError: see ``LlamaModel``.
    """
    check_file(Path(load.path))
    log.errors.clear()
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = load.gpu_layers
    mapped = weights and not reads_whole(load)
    params.load_mode = _LOAD_MODES[mapped, load.mlock and weights]
    params.no_alloc = not weights
    params.use_extra_bufts = not load.batch_invariant
    shares = tune_model(params, load.tuning)
    overrides = load.tuning.kv_overrides or {}
    entries = override_array(overrides)
    if overrides:
        params.kv_overrides = entries

    @llama_cpp.llama_progress_callback  # type: ignore[untyped-decorator]
    def report(progress: float, _data: ctypes.c_void_p) -> bool:
        return on_progress(progress)

    params.progress_callback = report
    watch = OverrideWatch(overrides)
    with watch.listening() if overrides else nullcontext():
        model = llama_cpp.llama_model_load_from_file(os.fsencode(load.path), params)
    try:
        watch.check(loaded=bool(model))
        _check_model(model, load)
    except ModelError:
        llama_cpp.llama_model_free(model)
        raise
    return OpenModel(model, (shares, entries))


def draft_load(load: LoadModel, ctx_size: int) -> LoadModel:
    """How the draft model is loaded: with a context of the same shape. Its memory is looked at
    together with the model's, and the options of ``tuning`` are the model's own."""
    wishes = {"path": load.draft_path, "ctx_size": ctx_size, "check_room": False}
    return msgspec.structs.replace(
        load, tuning=Tuning(), draft_path="", projector_path="", adapters=(), **wishes
    )


def reads_whole(load: LoadModel) -> bool:
    """Whether the weights are read, not mapped: as ``mmap`` says, or else into huge pages, which a
    mapped file has none of.

    Raises:
        ModelError: huge pages are asked for, and cannot be had.
    """
    if load.huge_pages == "on" and load.mmap:
        msg = "huge_pages is on, and so is mmap: a mapped file has no huge pages"
        raise ModelError(msg)
    if load.huge_pages == "on" and not has_huge_pages():
        msg = (
            "huge_pages is on, but there are none: see /sys/kernel/mm/transparent_hugepage/enabled"
        )
        raise ModelError(msg)
    if load.mmap is not None:
        return not load.mmap
    if load.huge_pages != "auto" or not has_huge_pages():
        return load.huge_pages == "on"
    if load.gpu_layers and llama_cpp.llama_supports_gpu_offload():
        return False
    free = free_memory()
    return free is not None and file_size(Path(load.path)) <= free // 2


def file_size(path: Path) -> int:
    """Bytes of a model's files."""
    shard = _SHARD.search(path.name)
    if shard is None:
        return path.stat().st_size
    beginning = path.name[: shard.start()]
    others = path.parent.glob(f"*-of-{shard[1]}.gguf")
    mine = (each for each in others if each.name.startswith(beginning) and each.is_file())
    return sum(each.stat().st_size for each in mine)


def _check_model(model: Any, load: LoadModel) -> None:  # noqa: ANN401
    if not model:
        overridden = " with these kv_overrides" if load.tuning.kv_overrides else ""
        raise ModelError(why(f"{load.path} could not be loaded{overridden}"))
    vocab = llama_cpp.llama_model_get_vocab(model)
    if llama_cpp.llama_vocab_type(vocab) == llama_cpp.LLAMA_VOCAB_TYPE_NONE:
        msg = f"{load.path} has no vocabulary: text cannot be generated with it"
        raise ModelError(msg)


def check_file(path: Path) -> None:
    """Say plainly what llama.cpp would say in many lines.

    Raises:
        ModelError: there is no such file, or it does not begin as a GGUF file does.
    """
    if not path.exists():
        msg = f"{path}: no such file"
        raise ModelError(msg)
    if not path.is_file():
        msg = f"{path} is not a file"
        raise ModelError(msg)
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise ModelError(msg) from error
    if magic != b"GGUF":
        msg = f"{path} is not a GGUF file"
        raise ModelError(msg)
