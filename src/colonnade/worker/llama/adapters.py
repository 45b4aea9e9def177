"""LoRA adapters: loaded beside a model, and put into its context.

Those of ``Tuning.lora`` are there always; of ``LoadModel.adapters`` those that a step asks for.
"""

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

    from colonnade.messages import AdapterSet, LoadModel
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

_MOST = 64
"""Adapters of a model: the graph of each step has to have room for all of them."""

_INVOCATION = "adapter.alora.invocation_tokens"


def open_adapters(model: Any, load: LoadModel) -> list[Any]:  # noqa: ANN401
    """Load the adapters; returns their ``llama_adapter_lora`` pointers, valid while the model is.

    Raises:
        ModelError: a file is no adapter, or one for another model.
    """
    if load.adapters and load.task == "embed":
        msg = f"lora: {load.path} is made for embeddings: adapters are for models that generate"
        raise ModelError(msg)
    if len(load.adapters) > _MOST:
        msg = f"lora: {len(load.adapters)} adapters; at most {_MOST} are possible"
        raise ModelError(msg)
    experts = stated(model, "expert_count", load.tuning) or 1
    opened = []
    for _, scale in load.tuning.lora or ():
        _SCALE.check("lora's scale", scale)
    for path in adapter_files(load):
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


def adapter_files(load: LoadModel) -> list[str]:
    """Their files, in the order in which they are loaded."""
    return [*(path for path, _ in load.tuning.lora or ()), *(path for _, path in load.adapters)]


class Adapters:
    """The adapters of a context."""

    def __init__(self, context: Any, opened: Sequence[Any], load: LoadModel) -> None:  # noqa: ANN401
        """``opened``: what ``open_adapters`` has returned."""
        self._context = context
        self._always = [scale for _, scale in load.tuning.lora or ()]
        self._count = len(opened)
        self._pointers = (llama_cpp.llama_adapter_lora_p_ctypes * self._count)(*opened)
        self.use(())

    def use(self, chosen: AdapterSet) -> None:
        """Let the context compute with these from here on, each as strong as its scale says."""
        if not self._count:
            return
        scales = (ctypes.c_float * self._count)(*self._always)
        for place, scale in chosen:
            scales[len(self._always) + place] = scale
        llama_cpp.llama_set_adapters_lora(self._context, self._pointers, self._count, scales)

    def use_all(self) -> None:
        """The same with all of them: no other set takes more memory."""
        chosen = range(self._count - len(self._always))
        self.use(tuple((place, 1.0) for place in chosen))


def _check_adapter(path: Path, experts: int, model: Path) -> None:
    """Refuse an adapter that llama.cpp would load and then not survive."""
    check_file(path)
    header = read_header(path)
    if _INVOCATION in header.types:
        msg = f"{path} is an activated adapter (aLoRA), which begins within a prompt: not possible"
        raise ModelError(msg)
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
