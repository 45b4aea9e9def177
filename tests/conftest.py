"""What every test may use: random-weight models of each kind, made once a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from benchmarks.random_gguf import write_random_gguf
from benchmarks.random_projector import write_random_projector
from tests.running import RunningServer, start_server

RandomModel = Callable[[str], Path]
RandomProjector = Callable[[str], Path]

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")  # other things run on the machine: no test is about time


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> RandomModel:
    """Path of a tiny model of a kind, of those in `benchmarks.architectures`."""
    folder = tmp_path_factory.mktemp("models")

    def make(kind: str) -> Path:
        path = folder / f"{kind}.gguf"
        if not path.exists():
            write_random_gguf(path, kind=kind, size="tiny")
        return path

    return make


@pytest.fixture(scope="session")
def random_projector(tmp_path_factory: pytest.TempPathFactory) -> RandomProjector:
    """Path of a tiny projector of a kind, of those in `benchmarks.random_projector`, which fits
    the models of ``random_model``."""
    folder = tmp_path_factory.mktemp("projectors")

    def make(kind: str) -> Path:
        path = folder / f"mmproj-{kind}.gguf"
        if not path.exists():
            write_random_projector(path, kind=kind)
        return path

    return make


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    """A server on the embedded model. One thread: the tests' machine has other things to do."""
    running = start_server("demo", "--threads", "1", "--slots", "4")
    yield running
    running.stop()
