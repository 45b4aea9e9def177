"""Quantizations of files and of tensors, by the names that people write."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import llama_cpp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from colonnade.worker.llama.gguf import Tensor


def _named(prefix: str) -> dict[int, str]:
    """What the binding's constants of a kind stand for."""
    return {
        value: name.removeprefix(prefix)
        for name, value in vars(llama_cpp).items()
        if name.startswith(prefix) and isinstance(value, int)
    }


_FILES = {0: "F32", **_named("LLAMA_FTYPE_MOSTLY_")}
"""``enum llama_ftype``."""

_TENSORS = {30: "BF16", 34: "TQ1_0", 35: "TQ2_0", **_named("GGML_TYPE_")}
"""``enum ggml_type``; the binding has no names for the first three."""


_MOST_TYPES = 32


def file_quantization(number: object) -> str:
    """The name of a file's quantization; empty where the file says none that is known."""
    return _FILES.get(number, "") if isinstance(number, int) else ""


def tensor_types(tensors: Iterable[Tensor]) -> tuple[tuple[str, int], ...]:
    """The types of tensors, with the bytes of each, the most first."""
    sizes: Counter[str] = Counter()
    for tensor in tensors:
        sizes[_TENSORS.get(tensor.type, f"type {tensor.type}")] += tensor.size
    return tuple(sizes.most_common(_MOST_TYPES))
