"""Models that do not fit together, on a real server with little memory."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.running import start_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.running import RunningServer

_FLAGS = ("--threads", "1", "--slots", "2", "--ctx-size", "512", "--cache-size", "32")


@pytest.fixture(scope="module")
def folder(random_model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("room")
    for name in ("a", "b", "c", "d"):
        shutil.copy(random_model("llama"), folder / f"{name}.gguf")
    return folder


@pytest.fixture(scope="module")
def one(folder) -> int:
    """MiB that one of them takes."""
    server = start_server("none", "--models-dir", str(folder), *_FLAGS)
    try:
        for name in ("a", "b"):
            _ask(server.root_url, name).raise_for_status()
        model = httpx.get(f"{server.root_url}/v1/models/b", timeout=30).json()
        return (model["memory"] >> 20) + 1
    finally:
        server.stop()


@pytest.fixture
def small(folder, one) -> Iterator[RunningServer]:
    """A server with memory for two of them."""
    memory = str(round(one * 2.7))
    server = start_server("none", "--models-dir", str(folder), "--memory", memory, *_FLAGS)
    yield server
    server.stop()


def _ask(url: str, model: str, text: str = "Hi", **fields: Any) -> httpx.Response:
    messages = [{"role": "user", "content": text}]
    body = {"model": model, "messages": messages, "max_tokens": 4, "temperature": 0, **fields}
    return httpx.post(f"{url}/v1/chat/completions", json=body, timeout=100)


def _loaded(url: str) -> list[str]:
    models = httpx.get(f"{url}/v1/models", timeout=30).json()["data"]
    return sorted(model["id"] for model in models if model["state"] == "loaded")


def test_the_one_unused_for_longest_makes_room(small) -> None:
    for name in ("a", "b", "a", "c"):
        assert _ask(small.root_url, name).status_code == 200
    assert _loaded(small.root_url) == ["a", "c"]


def test_a_conversation_goes_on_where_it_was_after_its_model_was_away(small) -> None:
    text = "Tell me a long story about a fox and a hen, " * 8
    first = _ask(small.root_url, "a", text).json()["usage"]
    for name in ("b", "c"):
        assert _ask(small.root_url, name).status_code == 200
    assert "a" not in _loaded(small.root_url)
    again = _ask(small.root_url, "a", text).json()["usage"]
    assert again["prompt_tokens"] == first["prompt_tokens"] > 100
    unread = again["prompt_tokens"] - again["prompt_tokens_details"]["cached_tokens"]
    assert unread <= 1
    metrics = httpx.get(f"{small.root_url}/metrics", timeout=30).text
    assert "colonnade_kept_states_hits_total 1.0" in metrics
    assert 'colonnade_models{state="loaded"} 2.0' in metrics


async def test_no_answer_is_cut_off_for_another_models_sake(small) -> None:
    async with httpx.AsyncClient(base_url=small.root_url, timeout=100) as client:
        url = "/v1/chat/completions"
        ask = {"messages": [{"role": "user", "content": "Hi"}], "ignore_eos": True}
        long = [
            asyncio.create_task(client.post(url, json={**ask, "model": name, "max_tokens": 300}))
            for name in ("a", "b")
        ]
        while _loaded(small.root_url) != ["a", "b"]:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
        other = await client.post(url, json={**ask, "model": "c", "max_tokens": 4})
        answers = await asyncio.gather(*long)
    assert other.status_code == 200
    for answer in answers:
        assert answer.status_code == 200
        assert answer.json()["usage"]["completion_tokens"] == 300


async def test_whoever_names_more_models_than_fit_is_served_in_turn(small) -> None:
    async with httpx.AsyncClient(base_url=small.root_url, timeout=100) as client:
        bodies = [
            {
                "model": name,
                "messages": [{"role": "user", "content": f"{name} {number}"}],
                "max_tokens": 8,
            }
            for number in range(4)
            for name in ("a", "b", "c", "d")
        ]
        answers = await asyncio.gather(
            *[client.post("/v1/chat/completions", json=body) for body in bodies]
        )
    assert [each.json().get("model") for each in answers] == [body["model"] for body in bodies]


def test_what_never_fits_is_told_with_the_sums(folder, one) -> None:
    toml = folder.parent / "pinned.toml"
    tables = "".join(
        f'[[models]]\nname = "{name}"\nmodel = "{folder}/{name}.gguf"\npin = {pin}\n'
        for name, pin in (("a", "true"), ("b", "true"), ("c", "false"))
    )
    toml.write_text(tables)
    memory = str(round(one * 2.7))
    server = start_server("none", "--config", str(toml), "--memory", memory, *_FLAGS)
    try:
        for name in ("a", "b"):
            assert _ask(server.root_url, name).status_code == 200
        refused = _ask(server.root_url, "c")
        assert refused.status_code == 503
        error = refused.json()["error"]
        assert error["code"] == "model_unavailable"
        assert "'a' has" in error["message"]
        assert "is pinned" in error["message"]
        assert _loaded(server.root_url) == ["a", "b"]
    finally:
        server.stop()
