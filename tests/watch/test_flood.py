"""Hostile texts through every door: the log stays one line a record, and has none of them.

All that a client can say carries ``MARK`` somewhere, and what could forge a line or steer a
terminal. The log is at its loudest: debug, with a line for each request.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.running import RunningServer, start_server

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "zanzibar"
FORGED = "2026-01-01 00:00:00,000 ERROR colonnade.engine: all is lost"
HOSTILE = f'{MARK}\n{FORGED}\r\n\x1b[2J\x1b]0;{MARK}\x07\u2028\u202e{{"level":"error"}}'
TEXT_LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG|INFO|WARNING|ERROR) [\w.]+( \[[^\n]*\])?: .*"
)


@pytest.fixture(scope="module", params=["text", "json"])
def loud(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, RunningServer]]:
    data = tmp_path_factory.mktemp("data")
    running = start_server(
        "demo", "--threads", "1", "--slots", "2", "--log-level", "debug", "--access-log",
        "--log-format", request.param, "--models-dir", str(data),
        env={**os.environ, "XDG_DATA_HOME": str(data)},
    )  # fmt: skip
    yield request.param, running
    running.stop()


def bodies() -> list[tuple[str, Any]]:
    """Requests with a body, for every route that takes one."""
    chat = {"messages": [{"role": "user", "content": HOSTILE}], "max_tokens": 2}
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {HOSTILE: HOSTILE}}}
    tool = {"type": "function", "function": {"name": MARK, "parameters": {"type": HOSTILE}}}
    pattern = {"type": "object", "properties": {"a": {"type": "string", "pattern": HOSTILE + "("}}}
    sessions = {"message": HOSTILE, "session_id": HOSTILE}
    flow = [{"role": "user", "content": HOSTILE}]
    return [
        ("/v1/chat/completions", chat),
        ("/v1/chat/completions", {**chat, HOSTILE: HOSTILE, f"{MARK} {MARK}": 1, "user": HOSTILE}),
        ("/v1/chat/completions", {**chat, "model": HOSTILE}),
        ("/v1/chat/completions", {**chat, "stream": True, "stop": [HOSTILE]}),
        ("/v1/chat/completions", {**chat, "temperature": HOSTILE}),
        ("/v1/chat/completions", {**chat, "response_format": schema}),
        ("/v1/chat/completions", {**chat, "structured_outputs": {"json": pattern}}),
        ("/v1/chat/completions", {**chat, "structured_outputs": {"grammar": HOSTILE}}),
        ("/v1/chat/completions", {**chat, "tools": [tool]}),
        ("/v1/chat/completions", {**chat, "chat_template_kwargs": {MARK: HOSTILE}}),
        ("/v1/chat/completions", {"messages": [{"role": HOSTILE, "content": HOSTILE}]}),
        ("/v1/chat/completions", {**chat, "max_tokens": 1, "bad_words": [HOSTILE]}),
        ("/v1/completions", {"prompt": HOSTILE, "max_tokens": 2, "logprobs": 1}),
        ("/v1/completions", {"prompt": HOSTILE, "suffix": HOSTILE, "max_tokens": 2}),
        ("/v1/completions", {"prompt": HOSTILE * 5000, "max_tokens": 2}),
        ("/v1/execute", {"input": HOSTILE, "session_id": HOSTILE}),
        ("/execute", {"input": HOSTILE, "stream": True}),
        ("/chat", sessions),
        ("/chat", {**sessions, "session_id": MARK}),
        ("/chat", {"messages": flow, "max_tokens": 2, HOSTILE: 1}),
        ("/chat/stream", {**sessions, "session_id": MARK}),
        ("/chat/clear", {"session_id": HOSTILE}),
        ("/api/v1/chat/submit", {"client_id": HOSTILE, "prompt": HOSTILE, "context": HOSTILE}),
        ("/load", {"model_path": HOSTILE}),
        ("/load", {"model_path": f"{MARK}.gguf", f"{MARK}?": HOSTILE}),
        (f"/{quote(HOSTILE)}", {"x": HOSTILE}),
    ]


def flood(server: RunningServer) -> None:
    query = f"?api_key={MARK}&message={quote(HOSTILE)}&session_id={MARK}"
    headers = {"user-agent": f"{MARK} \t 50%s %d", "x-request-id": f"{MARK} with spaces %s"}
    with server.client(headers=headers) as client:
        for path, body in bodies():
            client.post(path + query, content=json.dumps(body))
            client.post(path + query, content=f'{{"{MARK}": {MARK}')
        hidden = quote(HOSTILE, safe="")
        models = (f"/v1/models/{MARK}", f"/v1/models/{hidden}", f"/made/{hidden}")
        for path in ("/chat/stream", *models, "/sessions", "/health", "/docs", "/metrics"):
            client.get(path + query)
        with client.stream("GET", f"/api/v1/chat/stream/{MARK}" + query) as events:
            lines = events.iter_lines()
            next(lines)
            job = {"client_id": MARK, "prompt": HOSTILE, "context": HOSTILE}
            assert client.post("/api/v1/chat/submit", json=job).status_code == 202
            next(line for line in lines if "done" in line or "error" in line)
        client.request(
            "OPTIONS", "/v1/models" + query, headers={"origin": f"http://{MARK}.example"}
        )
    talk(server, query)
    raw(server)


def talk(server: RunningServer, query: str) -> None:
    url = server.root_url.replace("http", "ws") + "/ws" + query
    with connect(url) as socket_:
        for message in (json.dumps({"input": HOSTILE, "stream": True}), HOSTILE, MARK.encode()):
            socket_.send(message)
            while '"result"' not in (event := str(socket_.recv(30))) and '"error"' not in event:
                pass
    with pytest.raises(WebSocketException):
        connect(server.root_url.replace("http", "ws") + f"/{quote(HOSTILE)}" + query)


def raw(server: RunningServer) -> None:
    """What no client library sends."""
    address = urlsplit(server.root_url)
    for request in (
        f"GET /{MARK}\x1b[2J HTTP/1.1\r\n\r\n",
        f"{MARK} / HTTP/1.1\r\n\r\n",
        f"GET / HTTP/1.1\r\nhost: x\r\nx-request-id: \x1b[2J{MARK}\r\n\r\n",
        f"GET /ws?api_key={MARK} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\n"
        f"upgrade: websocket\r\nsec-websocket-key: {MARK}\r\n\r\n",
    ):
        with socket.create_connection((address.hostname, address.port), 10) as connection:
            connection.sendall(request.encode())
            connection.settimeout(10)
            connection.recv(4096)


def test_the_log_of_a_flood(loud: tuple[str, RunningServer]) -> None:
    form, server = loud
    flood(server)
    with server.client() as client:
        assert client.get("/v1/models", headers={"x-request-id": "the-last-one"}).is_success
    deadline = time.monotonic() + 20
    while not any("the-last-one" in line for line in list(server.log)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    start = next(i for i, line in enumerate(server.log) if line.startswith("Ctrl-C stops"))
    lines = server.log[start + 1 :]
    assert len(lines) > 50
    for line in lines:
        assert MARK not in line
        assert line.removesuffix("\n").isprintable(), line
        assert form == "json" or TEXT_LINE.fullmatch(line.rstrip("\n")), line
        if form == "json":
            record = json.loads(line)
            assert {"time", "level", "logger", "message"} <= record.keys()
    assert not any(line.startswith(FORGED[:10]) for line in lines)
    assert any("GET (a path of" in line for line in lines)


def test_lines_about_a_request_name_it(loud: tuple[str, RunningServer]) -> None:
    form, server = loud
    body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3}
    with server.client() as client:
        path = "/v1/chat/completions"
        assert client.post(path, json=body, headers={"x-request-id": "named-1"}).is_success
        client.get("/health", headers={"x-request-id": "named-2"})
    deadline = time.monotonic() + 20
    while not any("named-2" in line for line in list(server.log)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    lines = [line for line in server.log if "named-1" in line]
    assert len(lines) == 2, "the engine's and the door's"
    if form == "json":
        answered, access = map(json.loads, lines)
        assert access["request_id"] == answered["request_id"] == "named-1"
        assert access["status"] == 200
        assert access["route"] == "/v1/chat/completions"
        for record in (answered, access):
            assert (record["model"], record["door"]) == ("colonnade-demo", "openai")
            assert record["completion_tokens"] == 3
            assert record["prompt_tokens"] > 3
            assert record["seconds"] >= 0
    else:
        assert all("request_id=named-1 door=openai model=colonnade-demo" in line for line in lines)
        assert "POST /v1/chat/completions 200 in" in lines[1]
