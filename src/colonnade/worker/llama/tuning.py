"""``Tuning`` in llama.cpp's parameters, after a check of what llama.cpp would not survive."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, NamedTuple

import llama_cpp

from colonnade.worker.llama.errors import ModelError

if TYPE_CHECKING:
    from colonnade.messages import LoadModel, Tuning

_MOST = (1 << 31) - 1


class Range(NamedTuple):
    """What a number may be."""

    low: float
    high: float
    or_zero: bool = False
    """0 lies outside, but means "as the file says"."""

    def check(self, name: str, value: float) -> None:
        """Refuse a number outside, and what is none.

        Raises:
            ModelError: with the option's name.
        """
        if self.low <= value <= self.high or (self.or_zero and value == 0):
            return
        allowed = f"from {_text(self.low)} to {_text(self.high)}"
        msg = f"{name} is {_text(value)}; it can be {'0 or ' if self.or_zero else ''}{allowed}"
        raise ModelError(msg)


def _text(number: float) -> str:
    try:
        return f"{number:.10g}"
    except OverflowError:  # a whole number beyond any float
        return "far too large"


RANGES = {
    "split_mode": Range(llama_cpp.LLAMA_SPLIT_MODE_NONE, llama_cpp.LLAMA_SPLIT_MODE_TENSOR),
    "main_gpu": Range(-1, llama_cpp.LLAMA_MAX_DEVICES - 1),
    "ubatch_size": Range(1, _MOST),
    "rope_scaling_type": Range(
        llama_cpp.LLAMA_ROPE_SCALING_TYPE_UNSPECIFIED, llama_cpp.LLAMA_ROPE_SCALING_TYPE_MAX_VALUE
    ),
    # from 1 down, angles grow with the dimension until they are no numbers
    "rope_freq_base": Range(1.01, 1e30, or_zero=True),
    # YaRN's magnitude has a pole at e**10
    "rope_freq_scale": Range(1e-4, 1e3, or_zero=True),
    "yarn_ext_factor": Range(-1e3, 1e3),
    "yarn_attn_factor": Range(-1e3, 1e3),
    "yarn_beta_fast": Range(-1e6, 1e6),
    "yarn_beta_slow": Range(-1e6, 1e6),
    "yarn_orig_ctx": Range(0, _MOST),
    "numa": Range(llama_cpp.GGML_NUMA_STRATEGY_DISABLED, llama_cpp.GGML_NUMA_STRATEGY_COUNT - 1),
}
"""The options that are numbers."""

_SHARE = Range(0, 1e9)

_OF_MODEL = ("split_mode", "main_gpu")

_OF_CONTEXT = (
    "rope_scaling_type",
    "rope_freq_base",
    "rope_freq_scale",
    "yarn_ext_factor",
    "yarn_attn_factor",
    "yarn_beta_fast",
    "yarn_beta_slow",
    "yarn_orig_ctx",
    "offload_kqv",
    "op_offload",
    "swa_full",
)
"""Options that llama.cpp knows by the same names."""


def check_tuning(load: LoadModel) -> None:
    """Refuse numbers that llama.cpp has no meaning for, before it sees them.

    Raises:
        ModelError: with the option's name.
    """
    tuning = load.tuning
    for name, allowed in RANGES.items():
        value = getattr(tuning, name)
        if value is not None:
            allowed.check(name, value)
    if tuning.ubatch_size is not None and tuning.ubatch_size > load.batch_size:
        msg = f"ubatch_size is {tuning.ubatch_size}, more than batch_size, {load.batch_size}"
        raise ModelError(msg)
    _check_split(load)


def _check_split(load: LoadModel) -> None:
    tuning = load.tuning
    shares = tuning.tensor_split or ()
    if len(shares) > llama_cpp.LLAMA_MAX_DEVICES:
        msg = f"tensor_split has {len(shares)} shares; most are {llama_cpp.LLAMA_MAX_DEVICES}"
        raise ModelError(msg)
    for share in shares:
        _SHARE.check("tensor_split's share", share)
    if tuning.split_mode != llama_cpp.LLAMA_SPLIT_MODE_TENSOR:
        return
    if not llama_cpp.llama_supports_gpu_offload():
        msg = f"split_mode is {tuning.split_mode}, which needs a GPU that llama.cpp was built for"
        raise ModelError(msg)
    if load.flash_attention == "off":
        msg = f"split_mode is {tuning.split_mode}, which needs flash_attention; it is off"
        raise ModelError(msg)


def tune_process(tuning: Tuning) -> None:
    """Set what holds for all of llama.cpp in this process. Before a model is loaded."""
    if tuning.numa:
        llama_cpp.llama_numa_init(tuning.numa)


def tune_model(params: llama_cpp.llama_model_params, tuning: Tuning) -> Any:  # noqa: ANN401
    """Set the model's options; what this returns has to live as long as the model."""
    _copy(tuning, _OF_MODEL, params)
    if tuning.tensor_split is None:
        return None
    shares = (ctypes.c_float * llama_cpp.LLAMA_MAX_DEVICES)(*tuning.tensor_split)
    params.tensor_split = shares
    return shares


def tune_context(params: llama_cpp.llama_context_params, tuning: Tuning) -> None:
    """Set the context's options that llama.cpp has by the same name, and ``n_ubatch``."""
    _copy(tuning, _OF_CONTEXT, params)
    if tuning.ubatch_size is not None:
        params.n_ubatch = min(tuning.ubatch_size, params.n_batch)


def _copy(tuning: Tuning, names: tuple[str, ...], params: object) -> None:
    for name in names:
        value = getattr(tuning, name)
        if value is not None:
            setattr(params, name, value)
