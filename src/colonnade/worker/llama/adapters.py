"""LoRA adapters: loaded beside a model, and put into its context."""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llama_cpp

from colonnade.worker.llama import log
from colonnade.worker.llama.errors import ModelError, why
from colonnade.worker.llama.facts import stated
from colonnade.worker.llama.header import FLOAT32, STRING, HeaderError, read_header
from colonnade.worker.llama.loading import check_file
from colonnade.worker.llama.tuning import Range

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from colonnade.messages import LoadModel, Tuning
    from colonnade.worker.llama.header import Tensor

_TYPES = {
    "general.type": STRING,
    "general.architecture": STRING,
    "adapter.type": STRING,
    "adapter.lora.alpha": FLOAT32,
}
"""What llama.cpp takes for granted of an adapter's metadata."""

_MULTIPLIED = {0, 1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 30}
"""The ``enum ggml_type`` of floats and of the quantized types that files are made of."""

_EXPERTS = "_exps."
_LEFT_OUT = "_norm.weight"
_EMBEDDING = "token_embd.weight"

_NUMBERED = re.compile(r"(.*)-\d{5}-of-(\d{5})\.gguf")

_SCALE = Range(-1e6, 1e6)


def open_adapters(model: Any, load: LoadModel) -> list[Any]:  # noqa: ANN401
    """Load the adapters; returns their ``llama_adapter_lora`` pointers, valid while the model is.

    Raises:
        ModelError: a file is no adapter, or one for another model.
    """
    experts = stated(model, "expert_count", load.tuning) or 1
    opened = []
    for path, scale in load.tuning.lora or ():
        _SCALE.check("lora's scale", scale)
        try:
            _check_adapter(Path(path), experts, Path(load.path))
        except (ModelError, HeaderError, OSError) as error:
            msg = f"lora: {error}"
            raise ModelError(msg) from error
        log.errors.clear()
        adapter = llama_cpp.llama_adapter_lora_init(model, os.fsencode(path))
        if not adapter:
            raise ModelError(why(f"lora: {path} cannot be used with this model"))
        opened.append(adapter)
    return opened


def set_adapters(context: Any, adapters: Sequence[Any], tuning: Tuning) -> None:  # noqa: ANN401
    """Let the context compute with the adapters, each as strong as its scale says."""
    if adapters:
        pointers = (llama_cpp.llama_adapter_lora_p_ctypes * len(adapters))(*adapters)
        scales = (ctypes.c_float * len(adapters))(*(scale for _, scale in tuning.lora or ()))
        llama_cpp.llama_set_adapters_lora(context, pointers, len(adapters), scales)


def _check_adapter(path: Path, experts: int, model: Path) -> None:
    """Refuse an adapter that llama.cpp would load and then not survive."""
    check_file(path)
    header = read_header(path)
    for key, kind in _TYPES.items():
        if header.types.get(key, kind) != kind:
            msg = f"{path} is no adapter: its {key} has the wrong type"
            raise ModelError(msg)
    for name, tensor in header.tensors.items():
        if not _fits(name, tensor, experts):
            msg = f"{path}: {name} is not what an adapter multiplies with"
            raise ModelError(msg)
    first, second = (header.tensors.get(f"{_EMBEDDING}.lora_{side}") for side in "ab")
    if first and second:
        _check_embedding(path, first, second, model)


def _fits(name: str, tensor: Tensor, experts: int) -> bool:
    """Whether this is a matrix, or one for each expert; llama.cpp compares the first two sizes."""
    if name.endswith(_LEFT_OUT):
        return True
    depth = experts if _EXPERTS in name else 1
    shape = (*tensor.shape, 1, 1, 1, 1)[:4]
    return tensor.type in _MULTIPLIED and min(shape) > 0 and shape[2:] == (depth, 1)


def _check_embedding(path: Path, first: Tensor, second: Tensor, model: Path) -> None:
    """llama.cpp compares all but these ranks, and takes the pair for the output as well."""
    if first.shape[0] != second.shape[0]:
        msg = f"{path}: {_EMBEDDING} has two ranks, {first.shape[0]} and {second.shape[0]}"
        raise ModelError(msg)
    if not any("output.weight" in read_header(part).tensors for part in _parts(model)):
        msg = f"{path} changes {_EMBEDDING}, which in this model is the output matrix too"
        raise ModelError(msg)


def _parts(model: Path) -> Iterator[Path]:
    """The files of a model that is split; the model's own where it is not."""
    numbered = _NUMBERED.fullmatch(model.name)
    if numbered is None:
        yield model
        return
    name, count = numbered.groups()
    for number in range(1, int(count) + 1):
        yield model.with_name(f"{name}-{number:05}-of-{count}.gguf")
