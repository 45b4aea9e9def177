"""What FlowGen's ``/load`` may be told of a model: llama-cpp-python's options, one by one.

The table is the truth: the code obeys it, and docs/flowgen-options.md is printed from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from colonnade.legacy.chat_options import OPTIONS as CHAT_OPTIONS
from colonnade.legacy.option_table import Fate, Option, judge
from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class LoadWish:
    """The options in the house's terms.

    ``model`` replaces settings of the model, ``tuning`` and ``sampling`` go to the engine.
    """

    model: dict[str, Any] = field(default_factory=dict)
    tuning: dict[str, Any] = field(default_factory=dict)
    sampling: dict[str, float] = field(default_factory=dict)
    lora_path: str | None = None
    lora_scale: float = 1.0
    chat_format: str | None = None
    warnings: list[str] = field(default_factory=list)


_KV_TYPES = dict(
    zip(
        (0, 1, 2, 3, 6, 7, 8, 20, 30),
        ("f32", "f16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "iq4_nl", "bf16"),
        strict=True,
    )
)
"""llama.cpp's numbers (``enum ggml_type``) of the types that a KV cache can have."""

_RANDOM_SEEDS = (-1, 2**32 - 1)

DEFAULTS: dict[str, Any] = {"n_ctx": 2048, "n_batch": 256, "n_gpu_layers": 0}

OPTIONS: tuple[Option, ...] = (
    Option("n_gpu_layers", Fate.HONOURED, "int", "Layers on the GPU; -1 for all."),
    Option("split_mode", Fate.HONOURED, "int", "How tensors are split over GPUs."),
    Option("main_gpu", Fate.HONOURED, "int", "The GPU of what is not split."),
    Option("tensor_split", Fate.HONOURED, "floats", "Shares of the GPUs."),
    Option("vocab_only", Fate.REFUSED, "bool", "Without weights nothing can be generated.", False),
    Option("use_mmap", Fate.HONOURED, "bool", "Map the file."),
    Option("use_mlock", Fate.HONOURED, "bool", "Keep it in memory."),
    Option("kv_overrides", Fate.HONOURED, "dict", "Put before the file's metadata."),
    Option("seed", Fate.HONOURED, "int", "For requests that name none; -1 and 4294967295: random."),
    Option("n_ctx", Fate.HONOURED, "int", "Context of one request, not of all together."),
    Option("n_batch", Fate.HONOURED, "int", "Most tokens in a step."),
    Option("n_ubatch", Fate.HONOURED, "int", "Tokens computed at once; no more than n_batch."),
    Option("n_threads", Fate.HONOURED, "int", "Threads for decoding."),
    Option("n_threads_batch", Fate.HONOURED, "int", "Threads for prompts."),
    Option("rope_scaling_type", Fate.HONOURED, "int", "-1: the file's."),
    Option("pooling_type", Fate.IGNORED, "int", "It concerns embeddings alone.", -1),
    Option("rope_freq_base", Fate.HONOURED, "float", "0: the file's."),
    Option("rope_freq_scale", Fate.HONOURED, "float", "0: the file's."),
    Option("yarn_ext_factor", Fate.HONOURED, "float", "-1: the file's."),
    Option("yarn_attn_factor", Fate.HONOURED, "float", ""),
    Option("yarn_beta_fast", Fate.HONOURED, "float", ""),
    Option("yarn_beta_slow", Fate.HONOURED, "float", ""),
    Option("yarn_orig_ctx", Fate.HONOURED, "int", "0: the file's."),
    Option("logits_all", Fate.IGNORED, "bool", "Log probabilities need no such option.", False),
    Option("embedding", Fate.REFUSED, "bool", "A model for embeddings generates nothing.", False),
    Option("offload_kqv", Fate.HONOURED, "bool", "Keep the KV cache on the GPU."),
    Option("flash_attn", Fate.HONOURED, "bool", "Fused attention kernels."),
    Option("op_offload", Fate.HONOURED, "bool", "Compute large batches on the GPU."),
    Option("swa_full", Fate.HONOURED, "bool", "Keep more than the sliding window."),
    Option("no_perf", Fate.IGNORED, "bool", "Times are measured outside of llama.cpp.", False),
    Option("last_n_tokens_size", Fate.HONOURED, "int", "How far back repeat_penalty looks."),
    Option("lora_base", Fate.REFUSED, "text", "llama.cpp has it no longer."),
    Option("lora_scale", Fate.HONOURED, "float", "Strength of the adapter."),
    Option("lora_path", Fate.HONOURED, "text", "An adapter below a model directory."),
    Option("numa", Fate.HONOURED, "switch", "true for llama.cpp's first strategy."),
    Option("chat_format", Fate.HONOURED, "text", "The name of a packaged chat template."),
    Option("chat_handler", Fate.REFUSED, "any", "HTTP cannot carry a Python object."),
    Option("draft_model", Fate.IGNORED, "any", "It changes the speed alone."),
    Option("tokenizer", Fate.REFUSED, "any", "The file's own tokenizer is used."),
    Option("verbose", Fate.IGNORED, "bool", "What is logged is the server's setting.", False),
    Option("type_k", Fate.HONOURED, "type", "Type of the cache's keys: a number or a name."),
    Option("type_v", Fate.HONOURED, "type", "Type of the cache's values."),
    Option("spm_infill", Fate.IGNORED, "bool", "FlowGen fills no gaps.", False),
)

_MODEL = {
    "n_gpu_layers": "gpu_layers",
    "use_mmap": "mmap",
    "use_mlock": "mlock",
    "n_ctx": "ctx_size",
    "n_batch": "batch_size",
    "n_threads": "threads",
    "n_threads_batch": "threads_batch",
}
"""Settings of the model under another name."""

OPTION_OF = {setting: option for option, setting in _MODEL.items()}

_TUNING = (
    "split_mode",
    "main_gpu",
    "tensor_split",
    "kv_overrides",
    "offload_kqv",
    "op_offload",
    "swa_full",
    "yarn_attn_factor",
    "yarn_beta_fast",
    "yarn_beta_slow",
)
_UNLESS = {
    "rope_scaling_type": -1,
    "rope_freq_base": 0.0,
    "rope_freq_scale": 0.0,
    "yarn_ext_factor": -1.0,
    "yarn_orig_ctx": 0,
}
"""Tuning, with the values that leave it to the file."""


def load_wish(given: Mapping[str, Any]) -> LoadWish:
    """What a request's options ask for.

    Raises:
        Failure: one of them is refused or wrong.
    """
    judged = judge(OPTIONS, given, CHAT_OPTIONS)
    values = DEFAULTS | judged.values
    wish = LoadWish(warnings=judged.warnings)
    wish.model = {_MODEL[name]: values[name] for name in _MODEL if name in values}
    if wish.model["ctx_size"] == 0:  # here it chooses as the server does where nothing is said
        wish.model["ctx_size"] = None
    if "flash_attn" in values:
        wish.model["flash_attention"] = "on" if values["flash_attn"] else "off"
    wish.tuning = {name: values[name] for name in _TUNING if name in values}
    if "numa" in values:
        wish.tuning["numa"] = int(values["numa"])
    wish.tuning |= {n: values[n] for n, unset in _UNLESS.items() if values.get(n, unset) != unset}
    wish.tuning |= {
        f"kv_{name}": _kv_type(name, values[name])
        for name in ("type_k", "type_v")
        if name in values
    }
    if "n_ubatch" in values:
        wish.tuning["ubatch_size"] = min(values["n_ubatch"], values["n_batch"])
    wish.sampling = _sampling(values)
    wish.lora_path = values.get("lora_path")
    wish.lora_scale = values.get("lora_scale", 1.0)
    wish.chat_format = values.get("chat_format")
    return wish


def _sampling(values: Mapping[str, Any]) -> dict[str, float]:
    found = {}
    if values.get("seed", -1) not in _RANDOM_SEEDS:
        found["seed"] = values["seed"] & (2**31 - 1)
    if "last_n_tokens_size" in values:
        found["repeat_last_n"] = min(max(0, values["last_n_tokens_size"]), 2**31 - 1)
    return found


def _kv_type(name: str, value: int | str) -> str:
    wanted = _KV_TYPES.get(value) if isinstance(value, int) else value.lower()
    if wanted is None or wanted not in _KV_TYPES.values():
        known = ", ".join(f"{number} ({word})" for number, word in _KV_TYPES.items())
        msg = f"'options.{name}' is {value!r}; it can be {known}."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param=f"options.{name}")
    return wanted
