"""Whole numbers that a model file states of itself."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import llama_cpp

if TYPE_CHECKING:
    from colonnade.messages import Tuning

_ARCHITECTURE = "general.architecture"

_SIZE = 256
"""Bytes, enough for any 64-bit number and any architecture's name."""


def stated(model: Any, name: str, tuning: Tuning) -> int | None:  # noqa: ANN401
    """The number ``<architecture>.<name>``, as overridden.

    None where there is none, or one for each layer.
    """
    overrides = tuning.kv_overrides or {}
    architecture = overrides.get(_ARCHITECTURE) or _value(model, _ARCHITECTURE)
    key = f"{architecture}.{name}"
    override = overrides.get(key)
    if isinstance(override, int):
        return override
    text = _value(model, key)
    return int(text) if text.isdecimal() else None


def _value(model: Any, key: str) -> str:  # noqa: ANN401
    buffer = ctypes.create_string_buffer(_SIZE)
    length = llama_cpp.llama_model_meta_val_str(model, key.encode(), buffer, _SIZE)
    return buffer.value.decode("utf-8", "replace") if length >= 0 else ""
