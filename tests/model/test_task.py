"""What a file is made for, by its header."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from colonnade.messages import LoadModel
from colonnade.worker.llama import with_task

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RandomModel


@pytest.mark.parametrize(
    ("kind", "task"),
    [
        ("llama", "generate"),
        ("sliding", "generate"),
        ("hybrid", "generate"),
        ("recurrent", "generate"),
        ("embedding", "embed"),
        ("bert", "embed"),
        ("modern-bert", "embed"),
        ("qwen3-embedding", "embed"),
        ("gemma-embedding", "embed"),
        ("qwen3-reranker", "embed"),
    ],
)
def test_a_file_says_it(random_model: RandomModel, kind: str, task: str) -> None:
    load = LoadModel(str(random_model(kind)), task="auto")
    assert with_task(load).task == task


def test_what_is_said_of_it_holds(random_model: RandomModel) -> None:
    for task in ("generate", "embed"):
        load = LoadModel(str(random_model("bert")), task=task)
        assert with_task(load) == load


def test_what_cannot_be_read_is_left_to_who_opens_it(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF\x03\0\0\0")
    for path in (broken, tmp_path / "none.gguf"):
        assert with_task(LoadModel(str(path), task="auto")).task == "generate"
