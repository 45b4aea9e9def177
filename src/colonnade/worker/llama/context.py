"""A context on an open model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import llama_cpp

from colonnade.worker.llama import log
from colonnade.worker.llama.errors import ModelError, choice, why
from colonnade.worker.llama.facts import stated
from colonnade.worker.llama.invariance import MOST_ROWS, SPARE
from colonnade.worker.llama.pooling import shape_pooled
from colonnade.worker.llama.tuning import tune_context
from colonnade.worker.threads import compute_threads

if TYPE_CHECKING:
    from colonnade.messages import LoadModel

DEFAULT_CTX = 8192
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

_NOT_QUANTIZED = {"f32", "f16", "bf16"}

_ROTATED = (".rope.dimension_count", ".rope.dimension_count_swa")

_BLOCK = 32
"""Numbers that every quantized type keeps together."""


class Context(NamedTuple):
    """What ``open_context`` made."""

    pointer: Any
    """The ``llama_context``."""
    max_outputs: int
    """The most rows of logits a batch."""
    ctx_size: int
    """Tokens that one request may use; llama.cpp rounds up, and this is not rounded."""


def open_context(model: Any, load: LoadModel) -> Context:  # noqa: ANN401
    """Make the context.

    Every slot has a KV cache of its own (``kv_unified`` false), so that attention walks only the
    sequence's own tokens.

    Raises:
        ModelError: a setting is wrong, or the memory does not suffice.
    """
    log.errors.clear()
    ctx_size = context_size(model, load)
    _check_rotation(model, load)
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = ctx_size * load.slots
    params.n_seq_max = load.slots
    # room for a token of each slot and, beside them, rows of a prompt's log probabilities
    rows = load.slots * (MOST_ROWS if load.batch_invariant else 1)
    params.n_batch = max(min(load.batch_size, params.n_ctx), 2 * rows, _SMALLEST_BATCH)
    params.n_ubatch = params.n_batch
    params.n_outputs_max = min(params.n_batch, rows + _PROMPT_OUTPUTS)
    params.n_threads = compute_threads(load.threads, load.workers)
    params.n_threads_batch = load.threads_batch or params.n_threads
    params.flash_attn_type = flash_attention(load)
    params.type_k, params.type_v = _cache_types(model, load)
    params.kv_unified = False
    params.no_perf = True
    tune_context(params, load.tuning)
    if load.task == "embed":
        shape_pooled(params, model, load, ctx_size)
    context = llama_cpp.llama_init_from_model(model, params)
    if not context:
        what = f"no context of {load.slots} x {ctx_size} tokens could be made"
        apart = " with kv_type_k and kv_type_v apart" if params.type_k != params.type_v else ""
        raise ModelError(why(what + apart))
    _check_causal(context)
    room: int = llama_cpp.llama_n_ctx_seq(context)
    spare = SPARE if load.batch_invariant else 0
    return Context(context, int(params.n_outputs_max), min(room, ctx_size) - spare)


def flash_attention(load: LoadModel) -> int:
    """The setting as ``enum llama_flash_attn_type``.

    Raises:
        ModelError: it is none.
    """
    return choice(_FLASH, load.flash_attention, "flash_attention")


def context_size(model: Any, load: LoadModel) -> int:  # noqa: ANN401
    """Tokens that one request may use.

    A model whose positions are learned, not rotated, has none beyond those it was trained on.

    Raises:
        ModelError: that is no number of tokens, or too many.
    """
    trained: int = llama_cpp.llama_model_n_ctx_train(model)
    wanted = min(trained, DEFAULT_CTX) if load.ctx_size is None else load.ctx_size or trained
    if llama_cpp.llama_model_rope_type(model) == llama_cpp.LLAMA_ROPE_TYPE_NONE:
        wanted = min(wanted, trained)
    if wanted < 1:
        raise _no_context(trained)
    if wanted * load.slots > _MOST_CELLS:
        msg = f"{load.slots} slots of {wanted} tokens are more than llama.cpp can count"
        raise ModelError(msg)
    return wanted


def largest_context(model: Any) -> int:  # noqa: ANN401
    """Tokens that the model was trained on.

    Raises:
        ModelError: there are none.
    """
    trained = int(llama_cpp.llama_model_n_ctx_train(model))
    if trained < 1:
        raise _no_context(trained)
    return trained


def _no_context(trained: int) -> ModelError:
    msg = f"the model's context_length is {trained}, with which there is no context"
    return ModelError(msg)


def _cache_types(model: Any, load: LoadModel) -> tuple[int, int]:  # noqa: ANN401
    """Types of the cache's keys and values.

    Raises:
        ModelError: llama.cpp has no such type, or not for this attention.
    """
    key_name, key = _named(load.tuning.kv_type_k, "kv_type_k", load)
    value_name, value = _named(load.tuning.kv_type_v, "kv_type_v", load)
    types = choice(_KV_TYPES, key, key_name), choice(_KV_TYPES, value, value_name)
    if load.flash_attention == "off" and value not in _NOT_QUANTIZED:
        msg = f"{value_name} is {value!r}, which needs flash_attention; it is off"
        raise ModelError(msg)
    for name, kind, length in (
        (key_name, key, "attention.key_length"),
        (value_name, value, "attention.value_length"),
    ):
        size = _head_size(model, length, load)
        if kind not in _NOT_QUANTIZED and size % _BLOCK:
            msg = (
                f"{name} is {kind!r}, in blocks of {_BLOCK} numbers; the model's heads have {size}"
            )
            raise ModelError(msg)
    return types


def _named(special: str | None, name: str, load: LoadModel) -> tuple[str, str]:
    return ("kv_type", load.kv_type) if special is None else (name, special)


def _head_size(model: Any, length: str, load: LoadModel) -> int:  # noqa: ANN401
    """Numbers of one attention head, 0 without attention."""
    heads: int = llama_cpp.llama_model_n_head(model)
    if not heads:
        return 0
    width: int = llama_cpp.llama_model_n_embd(model)
    return stated(model, length, load.tuning) or width // heads


def _check_rotation(model: Any, load: LoadModel) -> None:  # noqa: ANN401
    """Refuse an override that llama.cpp would compute with until it aborts, or for ever.

    Raises:
        ModelError: heads cannot be rotated by that many numbers.
    """
    size = _head_size(model, "attention.key_length", load)
    for key, value in (load.tuning.kv_overrides or {}).items():
        if size and key.endswith(_ROTATED) and value not in range(2, size + 1, 2):
            msg = f"kv_overrides[{key!r}] is {value}; it can be an even number up to {size}"
            raise ModelError(msg)


def _check_causal(context: Any) -> None:  # noqa: ANN401
    """Refuse what ends the process at the first long prompt.

    Raises:
        ModelError: attention that looks ahead has to see the whole batch at once.
    """
    batch: int = llama_cpp.llama_n_batch(context)
    ubatch: int = llama_cpp.llama_n_ubatch(context)
    if ubatch < batch and not llama_cpp.llama_get_causal_attn(context):
        msg = (
            f"ubatch_size is {ubatch}, less than the batch, {batch}: the model's attention looks "
            "ahead, so that a batch cannot be cut"
        )
        llama_cpp.llama_free(context)
        raise ModelError(msg)
