"""A server with the older services on its main port and on their own."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.running import RunningServer, start_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TITLES = {
    "gemma": "Gemma worker",
    "llama_chat": "LLaMA chat",
    "queued": "Queued streaming",
    "flowgen": "FlowGen",
}
DEMO = Path(__file__).parents[2] / "src" / "colonnade" / "demo" / "demo.gguf"


@pytest.fixture(scope="session")
def models_dir(random_model, tmp_path_factory) -> Path:
    """Models that may be loaded: the embedded one as ``model.gguf``, a tiny random one, a fake."""
    folder = tmp_path_factory.mktemp("models_dir")
    shutil.copy(DEMO, folder / "model.gguf")
    shutil.copy(random_model("llama"), folder / "random.gguf")
    (folder / "fake.gguf").write_bytes(b"GGUF" + bytes(100))
    (folder / "text.gguf").write_text("This is no model.")
    return folder


@pytest.fixture(scope="session")
def start_legacy(models_dir, tmp_path_factory):
    """Starts a server with all ports."""

    def start(*arguments: str, model: str = "demo", **environ: str) -> RunningServer:
        data = tmp_path_factory.mktemp("data")
        free = [f"--{name.replace('_', '-')}-port=0" for name in TITLES]
        return start_server(
            model, "--threads", "1", "--slots", "4", "--legacy-ports", *free,
            "--models-dir", str(models_dir), *arguments,
            env={**os.environ, "XDG_DATA_HOME": str(data), **environ},
        )  # fmt: skip

    return start


@pytest.fixture(scope="session")
def legacy(start_legacy) -> Iterator[RunningServer]:
    """Without luck: at a temperature, the embedded model leaves one answer of a hundred unfinished,
    and the documents' examples name none."""
    running = start_legacy("--temperature", "0")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def endless(start_legacy, models_dir) -> Iterator[RunningServer]:
    """A server whose model never ends an answer by itself, for a good while, in two slots."""
    sizes = ("--slots", "2", "--queue-size", "1", "--ctx-size", "32768")
    running = start_legacy(*sizes, model=str(models_dir / "random.gguf"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory):
    """A directory with axios."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("there is no Node.js")
    folder = tmp_path_factory.mktemp("node")
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), "axios@1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode:
        pytest.skip(f"axios cannot be had: {done.stderr[-200:]}")
    return folder / "node_modules"


def active(http: httpx.Client) -> float:
    """How many requests the engine has."""
    lines = http.get("/metrics").text.splitlines()
    return sum(
        float(each.split()[-1]) for each in lines if each.startswith("colonnade_requests_active")
    )


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that a server does in its own time."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - another process sets no event here
            await asyncio.sleep(0.01)


@pytest.fixture(params=["merged", "own"])
def door(request, legacy):
    """The URL of a service: the main port's, and its own port's."""

    def url(service: str) -> str:
        return legacy.root_url if request.param == "merged" else legacy.services[TITLES[service]]

    return url


@pytest.fixture
def at(door):
    """An HTTP client of a service."""
    clients: list[httpx.Client] = []

    def client(service: str) -> httpx.Client:
        clients.append(httpx.Client(base_url=door(service), timeout=60))
        return clients[-1]

    yield client
    for each in clients:
        each.close()


@pytest.fixture
def loaded(legacy):
    """The embedded model is served, before and after a test that loads others."""

    def load() -> None:
        body = {"model_path": "model.gguf", "tokenizer_name": "demo"}
        httpx.post(f"{legacy.root_url}/load", json=body, timeout=60).raise_for_status()

    yield load
    load()
