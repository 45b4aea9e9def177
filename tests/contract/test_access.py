"""Keys, the rate limit and the metrics, at a real server."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import httpx
import openai
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.running import RunningServer, start_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ASK = {"messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 4}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    ports = (f"--{name}-port=0" for name in ("gemma", "llama-chat", "queued", "flowgen"))
    env = {**os.environ, "XDG_DATA_HOME": str(tmp_path_factory.mktemp("data"))}
    keys = ("--api-key", "first-key", "--api-key", "second-key")
    server = start_server("demo", "--threads", "1", "--legacy-ports", *ports, *keys, env=env)
    yield server
    server.stop()


def test_the_sdk_needs_a_key(guarded: RunningServer) -> None:
    for key in ("first-key", "second-key"):
        with openai.OpenAI(base_url=guarded.base_url, api_key=key, max_retries=0) as client:
            assert client.chat.completions.create(model="", **ASK).choices  # type: ignore[call-overload]
    with (
        openai.OpenAI(base_url=guarded.base_url, api_key="other", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        client.models.list()
    assert refused.value.code == "unauthorized"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "first-key"},
        {"authorization": "Basic first-key"},
        {"authorization": "Bearer first-ke"},
        {"authorization": "Bearer FIRST-KEY"},
        {"authorization": "Bearer"},
        {"x-api-key": ""},
        {"x-api-key": "first-key second-key"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("POST", "/v1/chat/completions", "error"),
        ("GET", "/v1/models", "error"),
        ("HEAD", "/v1/models", None),
        ("GET", "/metrics", "error"),
        ("GET", "/docs", "error"),
        ("GET", "/openapi.json", "error"),
        ("GET", "/schema/openapi.json", "error"),
        ("POST", "/v1/execute", "detail"),
        ("POST", "/chat", "detail"),
        ("POST", "/chat", "error"),
        ("GET", "/sessions", "detail"),
        ("POST", "/load", "error"),
        ("POST", "/unload", "error"),
        ("GET", "/api/v1/chat/stream/a", "detail"),
    ],
)
def test_without_a_key(
    guarded: RunningServer, headers: dict[str, str], method: str, path: str, key: str | None
) -> None:
    answer = httpx.request(method, guarded.root_url + path, headers=headers, json=ASK)
    assert answer.status_code == 401
    assert key is None or answer.json()[key]


@pytest.mark.parametrize(
    "headers", [{"x-api-key": "first-key"}, {"authorization": "bearer  second-key"}]
)
def test_with_a_key(guarded: RunningServer, headers: dict[str, str]) -> None:
    for url in (guarded.root_url, guarded.services["Gemma worker"]):
        answer = httpx.post(url + "/execute", json={"input": "Hello!"}, headers=headers)
        assert answer.status_code == 200


def test_the_older_ports_need_it_too(guarded: RunningServer) -> None:
    for title, url in guarded.services.items():
        path = {"FlowGen": "/unload", "Gemma worker": "/execute"}.get(title, "/chat/clear")
        path = "/api/v1/chat/submit" if title == "Queued streaming" else path
        assert httpx.post(url + path, json={}).status_code == 401, title


@pytest.fixture(scope="module")
def scoped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One user's key, and one administrator's."""
    folder = tmp_path_factory.mktemp("keys")
    file = folder / "keys"
    file.write_text("# of this test\napp:key-of-the-app\nops:key-of-the-operator admin\n")
    file.chmod(0o600)
    ports = (f"--{name}-port=0" for name in ("gemma", "llama-chat", "queued", "flowgen"))
    env = {**os.environ, "XDG_DATA_HOME": str(folder)}
    server = start_server("none", "--legacy-ports", *ports, "--api-key-file", str(file), env=env)
    yield server
    server.stop()


APP, OPS = {"x-api-key": "key-of-the-app"}, {"x-api-key": "key-of-the-operator"}


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("POST", "/load", "error"),
        ("POST", "/unload", "error"),
        ("GET", "/metrics", "error"),
        ("GET", "/docs", "error"),
        ("GET", "/redoc", "error"),
        ("GET", "/openapi.json", "error"),
        ("GET", "/schema/openapi.json", "error"),
    ],
)
def test_what_steers_or_shows_the_server_is_for_administrators(
    scoped: RunningServer, method: str, path: str, key: str
) -> None:
    refused = httpx.request(method, scoped.root_url + path, headers=APP, json={})
    assert refused.status_code == 403
    error = refused.json()[key]
    if path == "/metrics":
        assert error["code"] == "forbidden"
        assert error["type"] == "permission_error"
    assert httpx.request(method, scoped.root_url + path, json={}).status_code == 401
    allowed = httpx.request(method, scoped.root_url + path, headers=OPS, json={})
    assert allowed.status_code == (400 if path == "/load" else 200)


def test_the_older_ports_know_administrators_too(scoped: RunningServer) -> None:
    flowgen, gemma = scoped.services["FlowGen"], scoped.services["Gemma worker"]
    assert httpx.post(flowgen + "/unload", headers=APP).json().keys() == {"error"}
    assert httpx.get(gemma + "/docs", headers=APP).json().keys() == {"detail"}
    assert httpx.post(flowgen + "/unload", headers=OPS).status_code == 200
    assert httpx.get(scoped.base_url + "/models", headers=APP).status_code == 200


def test_a_browser_asks_for_a_key_where_it_shows_pages(scoped: RunningServer) -> None:
    url = scoped.root_url
    asked = httpx.get(url + "/docs")
    assert asked.headers["www-authenticate"].startswith("Basic ")
    assert asked.json()["error"]["code"] == "unauthorized"
    assert httpx.get(url + "/docs", auth=("", "key-of-the-operator")).status_code == 200
    assert httpx.get(url + "/docs", auth=("", "key-of-the-app")).status_code == 403
    assert httpx.get(url + "/docs", auth=("key-of-the-operator", "")).status_code == 401
    assert httpx.post(url + "/unload", auth=("", "key-of-the-operator")).status_code == 401
    assert httpx.get(url + "/metrics", auth=("", "key-of-the-operator")).status_code == 401


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--api-key", ""), "'--api-key': a key is empty"),
        (("--api-key", "some-key,some-key"), "have the same key"),
    ],
)
def test_an_empty_key_does_not_mean_none(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(AssertionError, match=said) as failed:
        start_server("none", *arguments)
    assert "some-key" not in str(failed.value).partition("\n")[2]


@pytest.mark.parametrize("path", ["/", "/health", "/ready"])
def test_probes_are_open(guarded: RunningServer, path: str) -> None:
    assert httpx.get(guarded.root_url + path).status_code == 200


def test_web_sockets(guarded: RunningServer) -> None:
    url = guarded.root_url.replace("http", "ws", 1) + "/ws"
    with pytest.raises(InvalidStatus), connect(url):
        pass
    with pytest.raises(InvalidStatus), connect(url + "?api_key=other"):
        pass
    with connect(url + "?api_key=first-key") as ws:
        ws.send('{"input": "Hello!"}')
        assert "session" in ws.recv()
    with connect(url, additional_headers={"authorization": "Bearer first-key"}):
        pass


def test_a_limit_of_requests_a_minute() -> None:
    env = {**os.environ, "FORWARDED_ALLOW_IPS": "*"}
    server = start_server("none", "--rate-limit", "3", env=env)

    def ask(number: int) -> httpx.Response:
        """From another address each time, as the client says, which nobody believes."""
        return http.get("/v1/models", headers={"x-forwarded-for": f"1.2.3.{number}"})

    try:
        with server.client() as http:
            codes = [ask(number).status_code for number in range(5)]
            assert codes == [200, 200, 200, 429, 429]
            refused = http.get("/v1/models")
            assert refused.json()["error"]["code"] == "rate_limited"
            assert 1 <= int(refused.headers["retry-after"]) <= 60
            assert http.post("/v1/execute", json={"input": "a"}).json().keys() == {"detail"}
            assert http.post("/load", json={}).json().keys() == {"error"}
            junk = {"x-api-key": "junk", "authorization": "Bearer junk"}
            assert http.get("/v1/models", headers=junk).status_code == 429
            for path in ("/health", "/ready", "/metrics"):
                assert http.get(path).status_code != 429
    finally:
        server.stop()
    assert len([line for line in server.log if "X-Forwarded-For is not believed" in line]) == 1


def test_each_answer_counts() -> None:
    flags = ("--rate-limit", "8", "--threads", "1", "--trusted-proxies", "127.0.0.1,10.0.0.0/8")
    server = start_server("demo", *flags)

    def ask(address: str, path: str = "/v1/chat/completions", **fields: object) -> httpx.Response:
        body = {**ASK, **fields} if "chat" in path else {"prompt": "a", "max_tokens": 1, **fields}
        return http.post(path, json=body, headers={"x-forwarded-for": address})

    try:
        with server.client() as http:
            assert ask("1.2.3.4", n=5).status_code == 200
            refused = ask("1.2.3.4", n=4)
            assert refused.status_code == 429
            assert 50 < int(refused.headers["retry-after"]) <= 61
            assert ask("1.2.3.4", n=2).status_code == 200
            # what a client writes itself is left of what the proxies do
            assert ask("9.9.9.9, 1.2.3.4, 10.1.2.3").status_code == 429
            assert ask("1.2.3.5", "/v1/completions", prompt=["a", "b"], n=3).status_code == 200
            assert ask("1.2.3.5", "/v1/completions", prompt=["a", "b"], n=2).status_code == 429
            never = ask("1.2.3.6", n=9)
            assert (never.status_code, never.json()["error"]["param"]) == (400, "n")
            assert "retry-after" not in never.headers
            assert ask("2001:db8:0:1::1", n=8).status_code == 200
            assert ask("2001:db8:0:1:ffff::2").status_code == 429
            assert ask("2001:db8:0:2::1").status_code == 200
        url = server.root_url.replace("http", "ws", 1) + "/ws"
        with connect(url, additional_headers={"x-forwarded-for": "1.2.3.7"}) as ws:
            for _ in range(9):
                ws.send('{"input": ""}')
            answers = [json.loads(ws.recv())["code"] for _ in range(9)]
        assert answers == ["VALIDATION_ERROR"] * 8 + ["QUEUE_FULL"]
    finally:
        server.stop()


@pytest.fixture
def metered(tmp_path: Path) -> Iterator[Callable[[], RunningServer]]:
    """Starts servers, one after the other, that write down what keys use."""
    file = tmp_path / "keys"
    file.write_text("app:key-of-the-app tokens/day=60\nops:key-of-the-operator admin\n")
    file.chmod(0o600)
    running: list[RunningServer] = []

    def start() -> RunningServer:
        for each in running:
            assert each.stop() == 0
        flags = ("--threads", "1", "--api-key-file", str(file))
        env = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
        running.append(start_server("demo", *flags, env=env))
        return running[-1]

    yield start
    running[-1].stop()


def used(server: RunningServer) -> tuple[int, int, int]:
    listed = httpx.get(server.root_url + "/usage", headers=OPS).json()["data"]
    (day,) = [each for each in listed if each["key"] == "app"]
    return day["requests"], day["prompt_tokens"], day["completion_tokens"]


def test_usage_and_quotas(metered: Callable[[], RunningServer]) -> None:
    server = metered()
    url = server.base_url + "/chat/completions"
    with openai.OpenAI(base_url=server.base_url, api_key="key-of-the-app", max_retries=3) as client:
        first = client.chat.completions.create(model="", n=2, **ASK)  # type: ignore[call-overload]
        told = first.usage
        assert used(server) == (1, told.prompt_tokens, told.completion_tokens)
        with connect(
            server.root_url.replace("http", "ws", 1) + "/ws", additional_headers=APP
        ) as ws:
            for _ in range(4):  # events
                ws.send('{"input": "Hello!", "max_tokens": 60}')
                while json.loads(message := ws.recv())["type"] not in ("result", "error"):
                    pass
            assert json.loads(message)["code"] == "QUEUE_FULL"
        before = used(server)
        assert sum(before[1:]) >= 60
        with pytest.raises(openai.RateLimitError) as refused:
            client.chat.completions.create(model="", **ASK)  # type: ignore[call-overload]
    assert refused.value.code == refused.value.type == "insufficient_quota"
    headers = refused.value.response.headers
    assert 1 <= int(headers["retry-after"]) <= 86400
    assert headers["x-should-retry"] == "false"
    assert httpx.get(server.root_url + "/usage", headers=APP).status_code == 403
    assert httpx.get(server.base_url + "/models", headers=APP).status_code == 200
    assert httpx.post(url, json=ASK, headers=OPS).status_code == 200
    metrics = httpx.get(server.root_url + "/metrics", headers=OPS).text
    assert f'colonnade_key_prompt_tokens_total{{key="app"}} {float(before[1])}' in metrics
    assert 'colonnade_key_requests_total{key="ops"} 1.0' in metrics
    server = metered()
    assert used(server) == before
    assert (
        httpx.post(server.base_url + "/chat/completions", json=ASK, headers=APP).status_code == 429
    )


def test_metrics(guarded: RunningServer) -> None:
    headers = {"authorization": "Bearer first-key"}

    def read() -> dict[str, float]:
        answer = httpx.get(guarded.root_url + "/metrics", headers=headers)
        assert answer.headers["content-type"].startswith("text/plain")
        lines = re.findall(r"^(\w+)\{(.*)\} ([\d.e+-]+)$", answer.text, re.MULTILINE)
        return {f"{name} {labels}": float(value) for name, labels, value in lines}

    before = read()
    httpx.post(guarded.base_url + "/chat/completions", json=ASK, headers=headers).raise_for_status()
    after = read()
    model = 'engine="0",model="colonnade-demo"'
    grown = {
        name.removesuffix(f" {model}"): after[name] - before.get(name, 0)
        for name in after
        if name.endswith(model)
    }
    assert 0 < grown["colonnade_generated_tokens_total"] <= 4
    assert grown["colonnade_prompt_tokens_total"] > 5
    assert after[f"colonnade_slots {model}"] == 4
    assert after[f"colonnade_requests_active {model}"] == 0
    assert after[f"colonnade_ready {model}"] == 1


def test_the_document_says_that_a_key_is_needed(guarded: RunningServer) -> None:
    key = {"authorization": "Bearer first-key"}
    document = httpx.get(guarded.root_url + "/openapi.json", headers=key).json()
    assert document["components"]["securitySchemes"]["key"] == {"type": "http", "scheme": "bearer"}
    assert document["security"] == [{"key": []}]
    assert "ChatRequest" in document["components"]["schemas"]


def test_the_document_of_a_server_without_keys_names_none(server: RunningServer) -> None:
    document = httpx.get(server.root_url + "/openapi.json").json()
    assert "security" not in document
    assert "securitySchemes" not in document["components"]
