"""Opening a model file and a context on it, with errors that say what is wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llama_cpp

from colonnade.worker.llama import log
from colonnade.worker.threads import physical_cores

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable

    from colonnade.messages import LoadModel

_DEFAULT_CTX = 8192
"""Context where the file allows more and nothing was asked for: it is allocated for every slot."""

_PROMPT_OUTPUTS = 64
"""Rows of logits in one batch for prompts' log probabilities. Each is vocab_size floats."""

_MOST_CELLS = (1 << 31) - 1

_SMALLEST_BATCH = 32

_FLASH = {
    "auto": llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}

_KV_TYPES = {
    "f32": llama_cpp.GGML_TYPE_F32,
    "f16": llama_cpp.GGML_TYPE_F16,
    "bf16": 30,  # enum ggml_type; the bindings do not name it
    "q8_0": llama_cpp.GGML_TYPE_Q8_0,
    "q5_1": llama_cpp.GGML_TYPE_Q5_1,
    "q5_0": llama_cpp.GGML_TYPE_Q5_0,
    "q4_1": llama_cpp.GGML_TYPE_Q4_1,
    "q4_0": llama_cpp.GGML_TYPE_Q4_0,
    "iq4_nl": llama_cpp.GGML_TYPE_IQ4_NL,
}

_LOAD_MODES = {
    (False, False): llama_cpp.LLAMA_LOAD_MODE_NONE,
    (True, False): llama_cpp.LLAMA_LOAD_MODE_MMAP,
    (False, True): llama_cpp.LLAMA_LOAD_MODE_MLOCK,
    (True, True): llama_cpp.LLAMA_LOAD_MODE_MMAP_MLOCK,
}


class ModelError(Exception):
    """A model could not be loaded; the message is for the user."""


def open_model(load: LoadModel, on_progress: Callable[[float], bool]) -> Any:  # noqa: ANN401
    """Load the file's tensors; returns the ``llama_model`` pointer.

    Raises:
        ModelError: see ``LlamaModel``.
    """
    check_file(Path(load.path))
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = load.gpu_layers
    params.load_mode = _LOAD_MODES[load.mmap, load.mlock]

    @llama_cpp.llama_progress_callback  # type: ignore[untyped-decorator]
    def report(progress: float, _data: ctypes.c_void_p) -> bool:
        return on_progress(progress)

    params.progress_callback = report
    model = llama_cpp.llama_model_load_from_file(os.fsencode(load.path), params)
    if not model:
        raise ModelError(_why(f"{load.path} could not be loaded"))
    vocab = llama_cpp.llama_model_get_vocab(model)
    if llama_cpp.llama_vocab_type(vocab) == llama_cpp.LLAMA_VOCAB_TYPE_NONE:
        msg = f"{load.path} has no vocabulary: text cannot be generated with it"
        raise ModelError(msg)
    return model


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


def open_context(model: Any, load: LoadModel) -> tuple[Any, int]:  # noqa: ANN401
    """Make the context; returns the ``llama_context`` pointer and the most rows of logits a batch.

    Every slot has a KV cache of its own (``kv_unified`` false), so that attention walks only the
    sequence's own tokens.

    Raises:
        ModelError: a setting is wrong, or the memory does not suffice.
    """
    ctx_size = context_size(model, load)
    if ctx_size * load.slots > _MOST_CELLS:
        msg = f"{load.slots} slots of {ctx_size} tokens are more than llama.cpp can count"
        raise ModelError(msg)
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = ctx_size * load.slots
    params.n_seq_max = load.slots
    # room for a token of each slot and, beside them, rows of a prompt's log probabilities
    params.n_batch = max(min(load.batch_size, params.n_ctx), 2 * load.slots, _SMALLEST_BATCH)
    params.n_ubatch = params.n_batch
    params.n_outputs_max = min(params.n_batch, load.slots + _PROMPT_OUTPUTS)
    params.n_threads = load.threads or physical_cores()
    params.n_threads_batch = load.threads_batch or params.n_threads
    params.flash_attn_type = _choice(_FLASH, load.flash_attention, "flash_attention")
    params.type_k = params.type_v = _choice(_KV_TYPES, load.kv_type, "kv_type")
    params.kv_unified = False
    params.no_perf = True
    context = llama_cpp.llama_init_from_model(model, params)
    if not context:
        what = f"no context of {load.slots} x {ctx_size} tokens could be made"
        raise ModelError(_why(what))
    return context, int(params.n_outputs_max)


def context_size(model: Any, load: LoadModel) -> int:  # noqa: ANN401
    """Tokens that one request may use.

    A model whose positions are learned, not rotated, has none beyond those it was trained on.
    """
    trained: int = llama_cpp.llama_model_n_ctx_train(model)
    wanted = load.ctx_size or min(trained, _DEFAULT_CTX)
    if llama_cpp.llama_model_rope_type(model) == llama_cpp.LLAMA_ROPE_TYPE_NONE:
        return min(wanted, trained)
    return wanted


def _choice(table: dict[str, int], value: str, setting: str) -> int:
    if value not in table:
        msg = f"{setting} is {value!r}; it can be {', '.join(table)}"
        raise ModelError(msg)
    return table[value]


def _why(what: str) -> str:
    """``what`` with llama.cpp's first error line, which names the cause."""
    cause = next((line for line in log.errors if "error" in line.lower()), None)
    cause = cause or (log.errors[0] if log.errors else None)
    if cause is None:
        return f"{what} (llama.cpp gave no reason)"
    return (
        f"{what}: {cause.removeprefix('llama_model_load: ').removeprefix('error loading model: ')}"
    )
