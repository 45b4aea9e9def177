"""llama.cpp's own threads. With OpenMP they are not needed, but they can be had."""

from __future__ import annotations

from contextlib import ExitStack, closing
from types import SimpleNamespace

import numpy as np

from colonnade.messages import LoadModel
from colonnade.worker.llama import LlamaModel, model, threadpool
from colonnade.worker.ports import Chunk


def logits(load: LoadModel) -> np.ndarray:
    with closing(LlamaModel(load, lambda _: True)) as opened:
        return opened.decode([Chunk(0, 0, [1, 2, 3, 4], 1)]).copy()


def test_a_model_on_a_pool_of_threads_answers_the_same(random_model, monkeypatch) -> None:
    load = LoadModel(str(random_model("llama")), ctx_size=64, slots=1, threads=2, threads_batch=1)
    monkeypatch.setattr(model, "has_own_threads", lambda: False)
    without = logits(load)
    pools = []
    make = threadpool._pool
    monkeypatch.setattr(threadpool, "_pool", lambda *args: pools.append(args[1]) or make(*args))
    monkeypatch.setattr(model, "has_own_threads", lambda: True)
    assert np.array_equal(logits(load), without)
    assert pools == [2, 1], "one for decoding and one for prompts"


def test_where_the_functions_are_out_of_reach_llama_cpp_makes_its_threads_itself(
    monkeypatch,
) -> None:
    bindings = SimpleNamespace(_lib=SimpleNamespace())
    monkeypatch.setattr(threadpool.llama_cpp, "llama_cpp", bindings)
    with ExitStack() as opened:
        threadpool.attach_threads(None, (2, 2), opened)
        assert not opened._exit_callbacks
