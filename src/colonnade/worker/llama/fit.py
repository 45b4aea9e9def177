"""The largest context, the most slots and layers on GPUs that fit into what there is.

What is left open is chosen in this order: layers on GPUs, as many as fit with the least context
that is of use, for they make everything faster; then context and slots, along ``_GOALS``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from colonnade.messages import Fit, size_text
from colonnade.worker.llama.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.messages import Footprint, LoadModel

LEAST_CTX = 2048
"""Tokens of context below which nothing is chosen, unless the model was trained on less."""

_GOALS = ((8192, 1), (8192, 4), (32_768, 4))
"""Tokens and slots that are climbed to, one after the other; then comes the trained context."""

_GPU_SLOTS = 16
"""Slots of a model that is on GPUs as a whole, where a step of many costs hardly more than one of a
few, beyond the last goal."""

_STEP = 256
"""llama.cpp rounds contexts up to this."""

_GPU_RESERVE = 0.05
"""The part of what is free on a GPU that is left to others."""


class Weighs(Protocol):
    """What finds out sizes; see ``footprint.Scales``."""

    @property
    def trained(self) -> int:
        """Tokens of the largest context that makes sense."""

    @property
    def layers(self) -> int:
        """Layers that could be on GPUs; 0 where there is none."""

    def context(self, load: LoadModel) -> int:
        """The context that a load asks for."""

    def weigh(self, load: LoadModel) -> Footprint:
        """What the model takes in one shape."""


def fit(
    load: LoadModel,
    scales: Weighs,
    budget: int | None,
    gpu_budget: tuple[int, ...] | None = None,
) -> Fit:
    """Choose what a load leaves open, so that the model takes at most ``budget`` bytes of the
    machine's memory and ``gpu_budget`` of each GPU's (None: most of what is free there).

    Raises:
        ModelError: it does not fit; with what it takes.
    """
    return _Fitting(load, scales, budget, gpu_budget).fit()


class _Fitting:
    def __init__(
        self,
        load: LoadModel,
        scales: Weighs,
        budget: int | None,
        gpu_budget: tuple[int, ...] | None,
    ) -> None:
        self._scales = scales
        self._budget = budget
        self._gpu_budget = gpu_budget
        self._free_slots = load.slots == 0
        self._free_ctx = load.ctx_size == 0
        self._least = min(LEAST_CTX, scales.trained)
        self._load = load

    def fit(self) -> Fit:
        """See ``fit``."""
        self._load = self._shaped(
            self._least if self._free_ctx else self._scales.context(self._load),
            self._load.slots or 1,
        )
        self._choose_layers()
        if not self._fits(self._load):
            raise ModelError(self._too_large())
        for ctx_size, slots in self._goals():
            if self._free_ctx:
                self._climb(self._contexts(ctx_size))
            if self._free_slots:
                self._climb(self._slots(slots))
        return Fit(self._load, self._scales.weigh(self._load))

    def _goals(self) -> list[tuple[int, int]]:
        trained = self._scales.trained
        most = max(slots for _, slots in _GOALS)
        goals = [(min(ctx_size, trained), slots) for ctx_size, slots in _GOALS]
        if self._load.gpu_layers >= self._scales.layers > 0:
            most = _GPU_SLOTS
            goals.append((goals[-1][0], most))
        return [*goals, (trained, most)]

    def _shaped(self, ctx_size: int, slots: int) -> LoadModel:
        return msgspec.structs.replace(self._load, ctx_size=ctx_size, slots=slots)

    def _contexts(self, goal: int) -> list[LoadModel]:
        """Shapes of more and more context, up to a goal."""
        now, slots = self._load.ctx_size or 0, self._load.slots
        sizes = [*range(_STEP * (now // _STEP + 1), goal, _STEP), goal] if goal > now else []
        return [self._shaped(size, slots) for size in sizes]

    def _slots(self, goal: int) -> list[LoadModel]:
        return [
            self._shaped(self._load.ctx_size or 0, slots)
            for slots in range(self._load.slots + 1, goal + 1)
        ]

    def _choose_layers(self) -> None:
        """Take as many layers to GPUs as fit there, all of them first."""
        layers = self._scales.layers
        if self._load.gpu_layers >= 0 or not layers:
            return
        counts = range(layers + 1)
        shapes = [msgspec.structs.replace(self._load, gpu_layers=count) for count in counts]
        if self._fits_gpus(shapes[-1]):
            self._load = shapes[-1]
        else:
            self._load = shapes[max(0, _last(shapes, self._fits_gpus))]

    def _climb(self, shapes: list[LoadModel]) -> None:
        """Take the last of ever larger shapes that fits, if one does."""
        if shapes and self._fits(shapes[-1]):
            self._load = shapes[-1]
        elif (found := _last(shapes, self._fits)) >= 0:
            self._load = shapes[found]

    def _fits(self, load: LoadModel) -> bool:
        found = self._scales.weigh(load)
        here = self._budget is None or found.total <= self._budget
        return here and self._fits_gpus(load)

    def _fits_gpus(self, load: LoadModel) -> bool:
        """Whether each GPU holds what comes to it; one that says nothing of itself is trusted."""
        found = self._scales.weigh(load).gpus
        free = (int(gpu.free * (1 - _GPU_RESERVE)) for gpu in found)
        budgets = self._gpu_budget or tuple(free)
        pairs = zip(found, budgets, strict=False)
        return all(not gpu.free or gpu.total <= budget for gpu, budget in pairs)

    def _too_large(self) -> str:
        found = Fit(self._load, self._scales.weigh(self._load))
        if self._budget is not None and found.footprint.total > self._budget:
            return found.beyond(self._budget)
        free = (f"{gpu.name} has {size_text(gpu.free)} free" for gpu in found.footprint.gpus)
        return f"{found.takes}; {', '.join(free)}"


def _last(shapes: list[LoadModel], fits: Callable[[LoadModel], bool]) -> int:
    """The place of the last shape that fits, where all before it do; -1 for none."""
    low, high = -1, len(shapes) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if fits(shapes[middle]):
            low = middle
        else:
            high = middle - 1
    return low
