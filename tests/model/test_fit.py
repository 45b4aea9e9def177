"""What is chosen of context, slots and layers on GPUs, and how buffers are read out of the log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colonnade.messages import Footprint, GpuUse, LoadModel
from colonnade.worker.llama import ModelError, buffers
from colonnade.worker.llama.buffers import HERE, context_sizes, layer_places
from colonnade.worker.llama.fit import fit
from colonnade.worker.llama.footprint import weights_by_place
from colonnade.worker.llama.gguf import Tensor

MIB = 1 << 20


@dataclass
class Scales:
    """A model of 100 MiB whose context takes 1 KiB a token."""

    trained: int = 131_072
    layers: int = 0
    free: int = 0
    """Bytes of the one GPU, where there are layers for it."""
    weighed: list[LoadModel] = field(default_factory=list)

    def context(self, load: LoadModel) -> int:
        return min(self.trained, 8192) if load.ctx_size is None else load.ctx_size

    def weigh(self, load: LoadModel) -> Footprint:
        self.weighed.append(load)
        cache = 1024 * self.context(load) * load.slots
        there = self.layers if load.gpu_layers < 0 else min(load.gpu_layers, self.layers)
        share = there / self.layers if self.layers else 0
        weights = 100 * MIB
        gpu = GpuUse("CUDA0", int(weights * share), int(cache * share), 0, self.free)
        here = Footprint(weights - gpu.weights, 0, cache - gpu.cache, 0, 0)
        return Footprint(
            *(getattr(here, part) for part in here.__struct_fields__[:5]),
            (gpu,) * bool(self.layers),
        )


def _fit(budget: int | None, scales: Scales | None = None, **wishes: Any) -> tuple[int, int, int]:
    scales = scales or Scales()
    chosen = fit(LoadModel("m.gguf", **wishes), scales, budget)
    assert budget is None or chosen.footprint.total <= budget
    return chosen.load.ctx_size or 0, chosen.load.slots, chosen.load.gpu_layers


@pytest.mark.parametrize(
    ("budget", "ctx_size", "slots"),
    [
        (102, 2048, 1),
        (105, 5120, 1),
        (108, 8192, 1),
        (124, 8192, 3),
        (140, 10_240, 4),
        (228, 32_768, 4),
        (10_000, 131_072, 4),
        (None, 131_072, 4),
    ],
)
def test_context_comes_before_slots_up_to_a_usual_one_and_the_rest_of_it_behind(
    budget: int | None, ctx_size: int, slots: int
) -> None:
    found = _fit(budget and budget * MIB, ctx_size=0, slots=0)
    assert found == (ctx_size, slots, -1)


@pytest.mark.parametrize(
    ("wishes", "budget", "ctx_size", "slots"),
    [
        ({"ctx_size": 0}, 140, 10_240, 4),
        ({"ctx_size": 0, "slots": 8}, 228, 16_384, 8),
        ({"slots": 0}, 124, 8192, 3),
        ({"ctx_size": 1000, "slots": 0}, 200, 1000, 4),
        ({"ctx_size": 1000, "slots": 2}, 200, 1000, 2),
        ({}, 200, 8192, 4),
    ],
)
def test_only_what_is_left_open_is_chosen(
    wishes: dict[str, int], budget: int, ctx_size: int, slots: int
) -> None:
    assert _fit(budget * MIB, **wishes)[:2] == (ctx_size, slots)


@pytest.mark.parametrize("wishes", [{}, {"ctx_size": 0, "slots": 0}, {"ctx_size": 0}])
def test_nothing_of_no_use_is_chosen(wishes: dict[str, int]) -> None:
    words = r"100 MiB for weights, \d+ MiB for the context of .* in all; there is room for 101 MiB"
    with pytest.raises(ModelError, match=words):
        _fit(101 * MIB, **wishes)


def test_a_model_of_short_texts_has_its_whole_context() -> None:
    assert _fit(101 * MIB, Scales(trained=512), ctx_size=0, slots=0)[:2] == (512, 2)
    assert _fit(None, Scales(trained=512))[:2] == (512, 4)


@given(st.integers(102, 400), st.integers(300, 200_000))
def test_no_more_would_fit_and_a_few_looks_find_that_out(budget: int, trained: int) -> None:
    scales = Scales(trained=trained)
    ctx_size, slots, _ = _fit(budget * MIB, scales, ctx_size=0, slots=0)
    assert ctx_size <= trained
    assert slots <= 4
    if ctx_size < trained and slots == 4:
        assert 100 * MIB + 1024 * slots * (ctx_size + 256) > budget * MIB
    assert len(scales.weighed) < 60


@pytest.mark.parametrize(
    ("free", "layers", "slots"), [(1000, 11, 16), (120, 11, 4), (54, 5, 4), (5, 0, 4)]
)
def test_as_many_layers_go_to_the_gpu_as_fit_there(free: int, layers: int, slots: int) -> None:
    scales = Scales(layers=11, free=free * MIB, trained=8192)
    found = _fit(1000 * MIB, scales, ctx_size=0, slots=0)
    assert found[2] == layers
    assert found[1] <= slots
    assert (
        scales.weigh(fit(LoadModel("m", slots=0, ctx_size=0), scales, None).load).gpus[0].total
        <= free * MIB
    )


def test_what_is_said_of_gpus_counts_in_their_budget() -> None:
    scales = Scales(layers=11, free=1000 * MIB)
    load = LoadModel("m.gguf", gpu_layers=11)
    with pytest.raises(ModelError, match="132 MiB of CUDA0; CUDA0 has 1000 MiB free"):
        fit(load, scales, None, (100 * MIB,))
    assert fit(load, scales, None, (140 * MIB,)).load.gpu_layers == 11


LOG = """\
load_tensors: layer   0 assigned to device CPU, is_swa = 0
load_tensors: layer   1 assigned to device CUDA0, is_swa = 0
load_tensors: layer   2 assigned to device CUDA1, is_swa = 0
llama_context:  CUDA_Host  output buffer size =     0.50 MiB
llama_kv_cache: layer   0: dev = CPU
llama_kv_cache: layer   1: dev = CUDA0
llama_kv_cache: layer   2: dev = CUDA0
llama_kv_cache: layer   3: dev = CUDA1
llama_kv_cache:      CUDA0 KV buffer size =     0.00 MiB
llama_kv_cache: size =   40.00 MiB (  4096 cells,   4 layers,  1/1 seqs), K (f16): 20 MiB
llama_memory_recurrent, layer   4: dev = CUDA1
llama_memory_recurrent: size =    2.00 MiB (     1 cells,   1 layers,  1 seqs 0 rs_seq)
sched_reserve:      CUDA0 compute buffer size =   100.00 MiB
sched_reserve:        CPU compute buffer size =     3.00 MiB
sched_reserve:  CUDA_Host compute buffer size =     4.00 MiB
""".splitlines()


def test_buffers_are_told_by_device() -> None:
    sizes = context_sizes(LOG)
    assert sizes.cache == {HERE: 10 * MIB, "CUDA0": 20 * MIB, "CUDA1": 12 * MIB}
    assert sizes.compute == {HERE: 7 * MIB, "CUDA0": 100 * MIB}
    assert layer_places(LOG) == {0: HERE, 1: "CUDA0", 2: "CUDA1"}
    assert not buffers.rearranges(LOG)
    assert buffers.rearranges(["load_tensors:   CPU_REPACK model buffer size =     0.00 MiB"])


def test_weights_go_with_their_layers_and_a_tied_output_is_copied() -> None:
    names = {"token_embd.weight": 50, "blk.0.ffn_up.weight": 7, "blk.1.ffn_up.weight": 8}
    tensors = [Tensor(name, 1, 0, size) for name, size in names.items()]
    places = layer_places(LOG)
    assert weights_by_place(tensors, places) == {HERE: 57, "CUDA0": 8, "CUDA1": 50}
    output = [*tensors, Tensor("output.weight", 1, 0, 9)]
    assert weights_by_place(output, places) == {HERE: 57, "CUDA0": 8, "CUDA1": 9}
