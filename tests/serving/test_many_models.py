"""One server, many models: they come when they are named, and go when there is no room."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest

from tests.running import start_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_ASK = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4, "temperature": 0}


def _ask(url: str, model: str, **fields) -> httpx.Response:
    body = {**_ASK, "model": model, **fields}
    return httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60)


def _states(url: str) -> dict[str, str]:
    models = httpx.get(f"{url}/v1/models", timeout=30).json()["data"]
    return {model["id"]: model["state"] for model in models}


def _model(url: str, name: str) -> dict[str, Any]:
    return httpx.get(f"{url}/v1/models/{name}", timeout=30).json()


def _unload(url: str, name: str) -> None:
    httpx.post(f"{url}/models/unload", json={"model": name}, timeout=60).raise_for_status()


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - another process sets no event here
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def folder(random_model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    for name in ("a", "b", "c"):
        shutil.copy(random_model("llama"), folder / f"{name}.gguf")
    (folder / "embedding").mkdir()
    shutil.copy(random_model("embedding"), folder / "embedding" / "e.gguf")
    (folder / "broken.gguf").write_bytes(b"GGUF" + bytes(100))
    return folder


@pytest.fixture(scope="module")
def many(folder):
    running = start_server("none", "--models-dir", str(folder), "--threads", "1", "--slots", "2")
    yield running
    running.stop()


@pytest.fixture
def start(tmp_path):
    """Starts a server with a directory and a settings' file of its own."""
    running = []

    def start(*arguments: str, toml: str = "", model: str = "none"):
        file = tmp_path / "settings.toml"
        file.write_text(toml)
        running.append(
            start_server(
                model, "--threads", "1", "--slots", "2", "--ctx-size", "256",
                "--config", str(file), *arguments,
            )
        )  # fmt: skip
        return running[-1]

    yield start
    for each in running:
        each.stop()


def test_a_model_is_loaded_when_it_is_named(many) -> None:
    assert httpx.get(f"{many.root_url}/ready", timeout=30).status_code == 200
    answer = _ask(many.root_url, "a")
    assert answer.status_code == 200, answer.text
    assert answer.json()["model"] == "a"
    assert _states(many.root_url)["a"] == "loaded"
    assert _model(many.root_url, "a")["max_model_len"] > 0


def test_streams_and_completions_load_it_too(many) -> None:
    client = openai.OpenAI(base_url=f"{many.root_url}/v1", api_key="none", max_retries=0)
    chunks = list(client.chat.completions.create(model="b", stream=True, **_ASK))
    assert chunks[-1].choices[0].finish_reason
    done = client.completions.create(model="c:latest", prompt="x", max_tokens=2)
    assert done.model == "c"


def test_a_name_that_nothing_has(many) -> None:
    answer = _ask(many.root_url, "brokn")
    assert answer.status_code == 404
    assert "'broken'" in answer.json()["error"]["message"]


def test_a_request_without_a_name(start, folder) -> None:
    server = start("--models-dir", str(folder))
    nameless = _ask(server.root_url, "")
    assert (nameless.status_code, nameless.json()["error"]["param"]) == (400, "model")
    assert _ask(server.root_url, "a").status_code == 200
    assert _ask(server.root_url, "").json()["model"] == "a"


def test_a_file_that_cannot_be_loaded(many) -> None:
    for _ in range(2):
        answer = _ask(many.root_url, "broken")
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "model_failed"
        assert answer.headers["x-should-retry"] == "false"
    model = _model(many.root_url, "broken")
    assert (model["state"], model["status"]["failed"]) == ("failed", True)
    assert "broken.gguf" in model["error"]
    stream = _ask(many.root_url, "broken", stream=True)
    assert stream.status_code == 503


async def test_many_requests_for_a_model_load_it_once(many) -> None:
    _unload(many.root_url, "a")
    assert _states(many.root_url)["a"] == "available"
    loads = sum("a is loaded" in line for line in many.log)
    async with httpx.AsyncClient(timeout=60) as client:
        url = f"{many.root_url}/v1/chat/completions"
        answers = await asyncio.gather(
            *[client.post(url, json={**_ASK, "model": "a"}) for _ in range(8)]
        )
    assert {answer.status_code for answer in answers} == {200}
    assert sum("a is loaded" in line for line in many.log) == loads + 1


async def test_what_happens_is_told_as_it_happens(many) -> None:
    _unload(many.root_url, "b")
    async with (
        httpx.AsyncClient(base_url=many.root_url, timeout=60) as client,
        client.stream("GET", "/models/sse") as events,
    ):
        lines = events.aiter_lines()
        loading = asyncio.create_task(client.post("/models/load", json={"model": "b"}))
        told = []
        async for line in lines:
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                assert (event["model"], event["event"]) == ("b", "model_status")
                told.append(event["data"]["status"])
                if told[-1] == "loaded":
                    break
        assert (await loading).json() == {"success": True}
    assert told[0] == "loading"


async def test_a_new_file_is_found_and_one_that_is_gone_is_not(many, folder) -> None:
    new = folder / "new.gguf"
    shutil.copy(folder / "a.gguf", new)
    await _until(lambda: "new" in _states(many.root_url))
    assert _ask(many.root_url, "new").status_code == 200
    new.unlink()
    await _until(lambda: "new" not in _states(many.root_url))
    assert _ask(many.root_url, "new").status_code == 404


async def test_a_file_that_changes_is_loaded_anew(many, folder, random_model) -> None:
    file = folder / "changing.gguf"
    shutil.copy(folder / "a.gguf", file)
    await _until(lambda: "changing" in _states(many.root_url))
    assert _ask(many.root_url, "changing").status_code == 200
    before = _model(many.root_url, "changing")["meta"]
    other = folder / "other"
    shutil.copy(random_model("qwen2"), other)
    other.replace(file)
    await _until(lambda: _states(many.root_url).get("changing") == "available")
    assert _ask(many.root_url, "changing").status_code == 200
    assert _model(many.root_url, "changing")["meta"] != before
    file.unlink()


def test_tables_name_models(start, folder) -> None:
    server = start(
        toml=f"""
        [[models]]
        name = "small"
        aliases = ["gpt-4o-mini"]
        model = "{folder}/a.gguf"
        ctx_size = 128
        preload = true
        [[models]]
        name = "other"
        model = "{folder}/b.gguf"
    """
    )
    assert _ask(server.root_url, "gpt-4o-mini").json()["model"] == "small"
    assert _ask(server.root_url, "").json()["model"] == "small"
    assert _model(server.root_url, "small")["max_model_len"] == 128
    assert _ask(server.root_url, "other").json()["model"] == "other"


async def test_what_nobody_uses_goes(start, folder) -> None:
    server = start(
        toml=f"""
        [registry]
        idle_unload_seconds = 0.5
        [[models]]
        name = "a"
        model = "{folder}/a.gguf"
        [[models]]
        name = "stays"
        model = "{folder}/b.gguf"
        ttl = 0
        [[models]]
        name = "pinned"
        model = "{folder}/c.gguf"
        pin = true
    """
    )
    for name in ("a", "stays", "pinned"):
        assert _ask(server.root_url, name).status_code == 200
    await _until(lambda: _states(server.root_url)["a"] == "available")
    assert _states(server.root_url) == {"a": "available", "stays": "loaded", "pinned": "loaded"}
    assert _ask(server.root_url, "a").status_code == 200


def test_what_is_not_allowed_is_unknown(start, folder) -> None:
    server = start("--allow-models", "pkg:nothing*", "--models-dir", str(folder))
    assert _ask(server.root_url, "hf:owner/repo").status_code == 404
    answer = _ask(server.root_url, "pkg:nothing-here")
    assert answer.status_code == 503
    assert "no package nothing-here is installed" in answer.json()["error"]["message"]


def test_without_loading_on_demand_an_administrator_loads(start, folder) -> None:
    server = start("--no-load-on-demand", "--models-dir", str(folder))
    assert httpx.get(f"{server.root_url}/ready").status_code == 503
    assert _ask(server.root_url, "a").status_code == 503
    loaded = httpx.post(f"{server.root_url}/models/load", json={"model": "a"}, timeout=60)
    assert loaded.status_code == 200
    assert _ask(server.root_url, "a").status_code == 200


def test_steering_is_for_administrators(start, folder) -> None:
    server = start("--models-dir", str(folder), "--api-key", "user", "--admin-key", "admin")
    user, admin = ({"authorization": f"Bearer {key}"} for key in ("user", "admin"))
    for method, path in (
        ("POST", "/models/load"),
        ("POST", "/v1/models/unload"),
        ("GET", "/models/sse"),
    ):
        body = {"model": "a"} if method == "POST" else None
        refused = httpx.request(method, server.root_url + path, json=body, headers=user)
        assert refused.status_code == 403, path
    loaded = httpx.post(
        f"{server.root_url}/models/load", json={"model": "a"}, headers=admin, timeout=60
    )
    assert loaded.json() == {"success": True}


async def test_a_request_that_waits_for_a_load_may_go_away(start, folder) -> None:
    server = start("--models-dir", str(folder))
    async with httpx.AsyncClient(base_url=server.root_url) as client:
        body = {**_ASK, "model": "a"}
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/v1/chat/completions", json=body, timeout=0.05)
    await _until(lambda: _states(server.root_url)["a"] == "available")
    assert _ask(server.root_url, "a").status_code == 200


def test_a_server_with_many_models_stops_at_once(start, folder) -> None:
    server = start("--models-dir", str(folder))
    for name in ("a", "b"):
        assert _ask(server.root_url, name).status_code == 200
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0
