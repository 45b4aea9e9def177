"""How much memory a model will take, before it takes it.

llama.cpp puts a model and its context together without allocating anything (``no_alloc``) and says
in its log how large each part would be (see ``buffers``). Sizes are in bytes.
"""

from __future__ import annotations

import platform
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llama_cpp
import msgspec

from colonnade.messages import Footprint, GpuUse
from colonnade.worker.llama.adapters import adapter_files
from colonnade.worker.llama.buffers import (
    HERE,
    Sizes,
    context_sizes,
    layer_places,
    listening,
    rearranges,
)
from colonnade.worker.llama.context import context_size, largest_context, open_context
from colonnade.worker.llama.errors import ModelError
from colonnade.worker.llama.gguf import Tensor, read_gguf, shards
from colonnade.worker.llama.gpus import gpus
from colonnade.worker.llama.header import HeaderError
from colonnade.worker.llama.loading import draft_load, open_model, reads_whole
from colonnade.worker.llama.projector_size import projector_size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from colonnade.messages import LoadModel

__all__ = ["Footprint", "Scales", "footprint"]

_PROGRAM = 35 << 20
"""A worker with its libraries, and what it has for a model whatever its size."""

_TOKEN = 780
"""What a token of the vocabulary takes: its texts, in llama.cpp, in Python and for grammars."""

_FLOAT = 4

_NEAR = 1 << 18
"""Cells of a context that is put together to see how large it would be. What more of them would
take is computed: it grows by the same amount with each."""

_EMBEDDING, _OUTPUT = "token_embd.weight", "output.weight"

_REARRANGED = {2, 12, 20, 39}
_REARRANGED_ARM = _REARRANGED | {8, 10, 13, 14}
"""Of ``enum ggml_type``, those that are rearranged (``ggml_repack_get_optimal_repack_type``)."""


def footprint(load: LoadModel) -> Footprint:
    """Find out what a model takes, with its draft model, in some tenths of a second.

    Raises:
        ModelError: a file is no model, or a setting cannot be had.
    """
    with Scales(load) as scales:
        return scales.weigh(load)


class Scales:
    """Finds out what a model takes, with its draft model, in one shape after the other.

    Shapes differ in context, slots and layers on GPUs alone. To be closed.
    """

    def __init__(self, load: LoadModel) -> None:
        """Read the files without their weights.

        Raises:
            ModelError: a file is no model.
        """
        self._load = load
        self._model = _Model(load)
        self._draft: _Model | None = None
        try:
            self._draft = _Model(draft_load(load, 0)) if load.draft_path else None
        except BaseException:
            self._model.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free what was read."""
        for model in filter(None, (self._model, self._draft)):
            model.close()

    @property
    def trained(self) -> int:
        """Tokens of the largest context that makes sense."""
        return largest_context(self._model.pointer)

    @property
    def layers(self) -> int:
        """Layers that could be on GPUs, the output counting for one; 0 where there is no GPU."""
        if not gpus():
            return 0
        return int(llama_cpp.llama_model_n_layer(self._model.pointer)) + 1

    def context(self, load: LoadModel) -> int:
        """The context that a load asks for.

        Raises:
            ModelError: there is no such context.
        """
        return context_size(self._model.pointer, load)

    def weigh(self, load: LoadModel) -> Footprint:
        """What the model takes in one shape.

        Raises:
            ModelError: llama.cpp cannot make it.
        """
        if load.gpu_layers != self._load.gpu_layers:
            self._open_again(load)
        ctx_size = self.context(load)
        found = _with_projector(self._model.footprint(load, ctx_size), load)
        if self._draft is None:
            return found
        draft = self._draft.footprint(draft_load(load, ctx_size), ctx_size)
        return _both(found, draft)

    def _open_again(self, load: LoadModel) -> None:
        self.close()
        self._load = load
        self._model = _Model(load)
        self._draft = _Model(draft_load(load, 0)) if load.draft_path else None


class _Model:
    """One file, open without its weights."""

    def __init__(self, load: LoadModel) -> None:
        with listening() as lines:
            self.pointer: Any = open_model(load, lambda _: True, weights=False).pointer
        self._load = load
        self._places = layer_places(lines)
        self._rearranged = rearranges(lines)
        self._sizes: dict[tuple[int, int], Sizes] = {}
        """What was found for contexts of so many tokens and slots."""

    def close(self) -> None:
        """Free it."""
        if self.pointer is not None:
            llama_cpp.llama_model_free(self.pointer)
            self.pointer = None

    def footprint(self, load: LoadModel, ctx_size: int) -> Footprint:
        """What it takes with a context of a shape."""
        weights, sizes = self._weights, self._context(load, ctx_size)
        read = weights[HERE] if reads_whole(load) else self._rearranged_size
        vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.pointer))
        return Footprint(
            weights=read + _adapters(load),
            mapped=weights[HERE] - read,
            cache=sizes.cache[HERE],
            compute=sizes.compute[HERE],
            program=_PROGRAM + _TOKEN * vocabulary,
            gpus=tuple(
                GpuUse(at, weights[at], sizes.cache[at], sizes.compute[at], free)
                for at, free, _ in gpus()
            ),
        )

    @cached_property
    def _weights(self) -> Counter[str]:
        """Bytes of weights by device."""
        if all(place == HERE for place in self._places.values()):
            return Counter({HERE: int(llama_cpp.llama_model_size(self.pointer))})
        return weights_by_place(self._tensors, self._places)

    @cached_property
    def _tensors(self) -> list[Tensor]:
        try:
            files = shards(Path(self._load.path))
            return [tensor for file in files for tensor in read_gguf(file).tensors]
        except (HeaderError, OSError) as error:
            raise ModelError(str(error)) from error

    @cached_property
    def _rearranged_size(self) -> int:
        """Bytes of the weights that are rearranged for the processor, in copies."""
        if not self._rearranged:
            return 0
        arm = platform.machine().lower() in {"aarch64", "arm64"}
        types = _REARRANGED_ARM if arm else _REARRANGED
        mine = (each for each in self._tensors if each.type in types and each.name != _EMBEDDING)
        return sum(each.size for each in mine if _place_of(each, self._places) == HERE)

    def _context(self, load: LoadModel, ctx_size: int) -> Sizes:
        """What a context takes.

        Recurrent states are allocated in earnest: one slot's, therefore.
        """
        model = self.pointer
        recurrent = llama_cpp.llama_model_is_recurrent(model)
        recurrent = recurrent or llama_cpp.llama_model_is_hybrid(model)
        slots = 1 if recurrent else load.slots
        near = max(1024, _NEAR // slots)
        shapes = (ctx_size,) if ctx_size <= 2 * near else (near, 2 * near)
        found = [self._look(load, size, slots) for size in shapes]
        cache, compute = (_beyond(parts, near, ctx_size) for parts in zip(*found, strict=True))
        return Sizes(
            Counter({at: size * load.slots // slots for at, size in cache.items()}), compute
        )

    def _look(self, load: LoadModel, ctx_size: int, slots: int) -> Sizes:
        """Put a context together."""
        if (ctx_size, slots) not in self._sizes:
            shape = msgspec.structs.replace(load, ctx_size=ctx_size, slots=slots)
            with listening() as lines:
                context = open_context(self.pointer, shape)
            llama_cpp.llama_free(context.pointer)
            sizes = context_sizes(lines)
            sizes.compute[HERE] += self._rows(context.max_outputs, load)
            self._sizes[ctx_size, slots] = sizes
        return self._sizes[ctx_size, slots]

    def _rows(self, count: int, load: LoadModel) -> int:
        """Bytes of the rows that come of a batch. llama.cpp has room for logits in them even where
        only embeddings are asked for, and takes it as rows are needed."""
        vocabulary = llama_cpp.llama_model_get_vocab(self.pointer)
        numbers: int = llama_cpp.llama_vocab_n_tokens(vocabulary)
        if load.task == "embed":
            numbers += llama_cpp.llama_model_n_embd_out(self.pointer)
        return count * numbers * _FLOAT


def _beyond(found: tuple[Counter[str], ...], near: int, ctx_size: int) -> Counter[str]:
    """What it is with ``ctx_size``, from what it is with ``near`` and with twice as much; or the
    only one there is."""
    first, last = found[0], found[-1]
    times = (ctx_size - near) / near
    return Counter({at: round(first[at] + (last[at] - first[at]) * times) for at in first | last})


def weights_by_place(tensors: list[Tensor], places: Mapping[int, str]) -> Counter[str]:
    """Bytes of weights by device, where those of the layers are known.

    What is looked up by token stays here. A file without a matrix for the output has its embedding
    copied to where that is computed.
    """
    found: Counter[str] = Counter()
    for tensor in tensors:
        found[_place_of(tensor, places)] += tensor.size
    if not any(tensor.name == _OUTPUT for tensor in tensors):
        output = places.get(max(places, default=0), HERE)
        if output != HERE:
            found[output] += sum(each.size for each in tensors if each.name == _EMBEDDING)
    return found


def _place_of(tensor: Tensor, places: Mapping[int, str]) -> str:
    kind, _, rest = tensor.name.partition(".")
    if kind == "blk" and (number := rest.partition(".")[0]).isdecimal():
        return places.get(int(number), HERE)
    if kind.startswith("output"):
        return places.get(max(places, default=0), HERE)
    return HERE


def _both(model: Footprint, draft: Footprint) -> Footprint:
    """What a model and its draft model take together; the program is there once."""
    parts = ("weights", "mapped", "cache", "compute")
    sums = {part: getattr(model, part) + getattr(draft, part) for part in parts}
    shares = zip(model.gpus, draft.gpus, strict=True)
    together = (
        GpuUse(a.name, a.weights + b.weights, a.cache + b.cache, a.compute + b.compute, a.free)
        for a, b in shares
    )
    return msgspec.structs.replace(model, **sums, gpus=tuple(together))


def _with_projector(model: Footprint, load: LoadModel) -> Footprint:
    """What a model takes with its projector, which is on the first GPU where there is one."""
    if not load.projector_path:
        return model
    weights, compute = projector_size(Path(load.projector_path))
    if load.gpu_layers and model.gpus:
        first = model.gpus[0]
        sums = {"weights": first.weights + weights, "compute": first.compute + compute}
        with_it = (msgspec.structs.replace(first, **sums), *model.gpus[1:])
        return msgspec.structs.replace(model, gpus=with_it)
    sums = {"weights": model.weights + weights, "compute": model.compute + compute}
    return msgspec.structs.replace(model, **sums)


def _adapters(load: LoadModel) -> int:
    """Bytes of the adapters. One that is not there takes none, and is refused when it is read."""
    files = map(Path, adapter_files(load))
    return sum(file.stat().st_size for file in files if file.is_file())
