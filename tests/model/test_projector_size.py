"""What a projector takes, against what libmtmd says when it has it."""

from __future__ import annotations

import ctypes
import re
from typing import TYPE_CHECKING, get_args

import llama_cpp
import pytest
from llama_cpp import mtmd_cpp

from benchmarks.random_projector import Encoder, Kind, write_random_projector
from colonnade.messages import LoadModel
from colonnade.worker.llama.footprint import footprint
from colonnade.worker.llama.projector_size import projector_size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import RandomModel

ENCODER = Encoder(layers=3, width=256, heads=4, ffn=1024, image=448, patch=14)
KINDS = [kind for kind in get_args(Kind) if kind != "omni"]
_SAID = re.compile(r"compute buffer size = +([\d.]+) MiB")


@pytest.fixture(scope="module")
def text_model(random_model: RandomModel) -> Iterator[ctypes.c_void_p]:
    params = llama_cpp.llama_model_default_params()
    model = llama_cpp.llama_model_load_from_file(str(random_model("llama")).encode(), params)
    yield model
    llama_cpp.llama_model_free(model)


def _said(path: Path, model: ctypes.c_void_p) -> float:
    """Bytes that libmtmd computes with, as its log has it."""
    lines = []

    @llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
    def listen(_level: int, text: bytes, _data: ctypes.c_void_p) -> None:
        lines.append(text.decode("utf-8", "replace"))

    mtmd_cpp.mtmd_helper_log_set(listen, ctypes.c_void_p(0))
    params = mtmd_cpp.mtmd_context_params_default()
    params.use_gpu = False
    context = mtmd_cpp.mtmd_init_from_file(str(path).encode(), model, params)
    mtmd_cpp.mtmd_helper_log_set(_silence, ctypes.c_void_p(0))
    mtmd_cpp.mtmd_free(context)
    return max(float(found[1]) for line in lines if (found := _SAID.search(line))) * (1 << 20)


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _silence(_level: int, _text: bytes, _data: ctypes.c_void_p) -> None:
    """Say nothing."""


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_what_libmtmd_reserves(
    kind: Kind, tmp_path: Path, text_model: ctypes.c_void_p
) -> None:
    path = write_random_projector(tmp_path / "p.gguf", kind=kind, encoder=ENCODER)
    weights, compute = projector_size(path)
    assert weights == path.stat().st_size
    assert compute == pytest.approx(_said(path, text_model), rel=0.15)


def test_it_counts_with_its_model(tmp_path: Path, random_model: RandomModel) -> None:
    path = write_random_projector(tmp_path / "p.gguf", encoder=ENCODER)
    load = LoadModel(str(random_model("llama")), threads=1)
    alone = footprint(load)
    both = footprint(LoadModel(load.path, threads=1, projector_path=str(path)))
    assert both.total - alone.total == sum(projector_size(path))
