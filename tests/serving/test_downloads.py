"""Models of the hub, downloaded and deleted while the server runs."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.hub import stand_in as hubs
from tests.running import start_server

if TYPE_CHECKING:
    from collections.abc import Iterator

_BODY = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
_ID = "owner/tiny:Q8_0"


@pytest.fixture
def hub():
    with hubs.running() as hub:
        yield hub


@pytest.fixture
def url(hub, random_model, tmp_path) -> Iterator[str]:
    """A server that lets requests name one owner's models."""
    hub.repos["owner/tiny"] = {"tiny-Q8_0.gguf": random_model("llama").read_bytes()}
    hub.repos["other/tiny"] = hub.repos["owner/tiny"]
    kept = {name: text for name, text in os.environ.items() if not name.startswith("COLONNADE_")}
    own = {"HF_ENDPOINT": hub.endpoint, "HF_HUB_CACHE": str(tmp_path / "hub")}
    server = start_server("none", "--allow-models", "hf:owner/*", "--threads", "1", env=kept | own)
    yield server.root_url
    server.stop()


def _ask(url: str, model: str) -> httpx.Response:
    body = {**_BODY, "model": model}
    return httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60)


def _model(url: str, name: str) -> dict[str, Any]:
    return httpx.get(f"{url}/v1/models/{name}", timeout=30).json()


def test_a_request_downloads_what_the_operator_allows(url) -> None:
    answer = _ask(url, f"hf:{_ID}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["model"] == _ID
    assert _ask(url, _ID).status_code == 200
    assert _ask(url, "hf:other/tiny").status_code == 404
    assert _ask(url, "hf:owner/away").json()["error"]["code"] == "model_failed"


async def test_administrators_download_and_delete(url) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        async with client.stream("GET", "/models/sse") as events:
            begun = await client.post("/models", json={"model": "other/tiny:Q8_0"})
            assert begun.json() == {"success": True}
            told = []
            async for line in events.aiter_lines():
                if line.startswith("data: "):
                    told.append(json.loads(line.removeprefix("data: "))["event"])
                    if told[-1].startswith("download_f"):
                        break
        assert told[0] == "model_status"
        assert told[-1] == "download_finished"
        name = "other/tiny:Q8_0"
        assert (await asyncio.to_thread(_ask, url, name)).status_code == 200
        gone = await client.delete(f"/v1/models/{name}")
        assert gone.json() == {"id": name, "object": "model", "deleted": True}
        assert (await client.get(f"/v1/models/{name}")).status_code == 404


def test_what_cannot_be_downloaded_or_deleted_is_refused(url) -> None:
    wrong = httpx.post(f"{url}/models", json={"model": "no form"}, timeout=30)
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "model")
    assert httpx.delete(f"{url}/v1/models/nothing", timeout=30).status_code == 404
    assert _ask(url, _ID).status_code == 200
    assert httpx.delete(f"{url}/v1/models/{_ID}", timeout=30).status_code == 200
    again = _ask(url, _ID)  # downloaded once more
    assert again.status_code == 200
    assert _model(url, _ID)["state"] == "loaded"
