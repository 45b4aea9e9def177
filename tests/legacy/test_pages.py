"""What pages of other sites can do at a real server: at every door, over HTTP and WebSocket."""

from __future__ import annotations

import json
import socket

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.legacy.conftest import TITLES, active

EVIL = {"origin": "https://evil.example"}
MAIN = "main"
CHAT = {"messages": [{"role": "user", "content": "Hello!"}]}
STEPS = [
    (MAIN, "POST", "/unload", None, "error"),
    (MAIN, "POST", "/load", {"model_path": "model.gguf", "tokenizer_name": "x"}, "error"),
    (MAIN, "POST", "/chat", {"message": "Hello!"}, "both"),
    (MAIN, "POST", "/chat/clear", {"session_id": "x"}, "detail"),
    (MAIN, "GET", "/chat/stream?message=Hello&session_id=squatted", None, "detail"),
    (MAIN, "GET", "/sessions", None, "detail"),
    (MAIN, "POST", "/v1/chat/completions", CHAT, "openai"),
    (MAIN, "POST", "/v1/execute", {"input": "Hello!"}, "detail"),
    (MAIN, "GET", "/v1/models", None, "openai"),
    (MAIN, "GET", "/metrics", None, "openai"),
    (MAIN, "GET", "/nowhere", None, "openai"),
    ("flowgen", "POST", "/unload", None, "error"),
    ("flowgen", "POST", "/chat", CHAT, "error"),
    ("gemma", "POST", "/v1/execute", {"input": "Hello!"}, "detail"),
    ("queued", "GET", "/api/v1/chat/stream/me", None, "detail"),
    ("queued", "POST", "/api/v1/chat/submit", {"prompt": "x"}, "detail"),
    ("queued", "GET", "/nowhere", None, "detail"),
]


def url_of(server, door: str) -> str:
    return server.root_url if door == MAIN else server.services[TITLES[door]]


def check_words(answer: httpx.Response, shape: str, code: str) -> None:
    """An error in the words of the door."""
    body = answer.json()
    if shape == "openai":
        assert body["error"]["code"] == code
        return
    assert body.keys() == ({"detail", "error"} if shape == "both" else {shape})
    assert all(isinstance(text, str) and text for text in body.values())


@pytest.mark.parametrize(("door", "method", "path", "body", "shape"), STEPS)
def test_foreign_pages_change_and_read_nothing(legacy, door, method, path, body, shape):
    url = url_of(legacy, door) + path
    # What a page can send without being asked for leave: any text, called plain text.
    content = None if body is None else json.dumps(body).encode()
    kind = {} if body is None else {"content-type": "text/plain"}
    for headers, status, code in (
        ({**EVIL, **kind}, 403, "foreign_origin"),
        ({"origin": "null", **kind}, 403, "foreign_origin"),
        ({"host": "rebind.example"}, 421, "unknown_host"),
    ):
        answer = httpx.request(method, url, headers=headers, content=content, timeout=10)
        assert answer.status_code == status, headers
        check_words(answer, shape, code)
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["x-request-id"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    with legacy.client() as http:
        assert http.get("/ready").json()["model_loaded"] is True
        assert "squatted" not in http.get("/sessions").json()["sessions"]


@pytest.mark.parametrize("door", [MAIN, "gemma", "queued", "flowgen"])
def test_foreign_pages_get_no_leave(legacy, door):
    """A preflight says no, whatever it asks for, and for every path."""
    asks = {"access-control-request-method": "POST"}
    for path in ("/", "/chat", "/load", "/v1/chat/completions", "/nowhere"):
        answer = httpx.options(url_of(legacy, door) + path, headers={**EVIL, **asks})
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("door", [MAIN, "gemma"])
def test_foreign_pages_open_no_websocket(legacy, door):
    url = url_of(legacy, door).replace("http", "ws", 1) + "/ws"
    for origin in ("https://evil.example", "null", "http://localhost:1"):
        with pytest.raises(InvalidStatus) as refused, connect(url, origin=origin):
            pass
        assert refused.value.response.status_code == 403
        assert "may not call this server" in json.loads(refused.value.response.body)["detail"]
    with connect(url, origin=url.replace("ws", "http", 1).removesuffix("/ws")) as own:
        own.send("{")
        assert json.loads(own.recv())["code"] == "INVALID_JSON"


def test_a_websocket_by_a_strange_name(legacy):
    url = legacy.root_url.replace("http", "ws", 1) + "/ws"
    host, port = url.split("/")[2].split(":")
    with socket.create_connection((host, int(port))) as plain:
        strange = url.replace(host, "rebind.example")
        with pytest.raises(InvalidStatus) as refused, connect(strange, sock=plain):
            pass
    assert refused.value.response.status_code == 421


def test_tools_without_names_go_on(legacy):
    """HTTP/1.0 has no Host; curl's -d says that its body is a form."""
    host, port = legacy.root_url.removeprefix("http://").split(":")
    for head in ("GET /health HTTP/1.0\r\n\r\n", "GET /health HTTP/1.1\r\nHost:\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=10) as raw:
            raw.sendall(head.encode())
            assert raw.recv(1000).split()[1] == b"200"
    form = {"content-type": "application/x-www-form-urlencoded"}
    for headers in (form, {}, {"host": f"localhost:{port}"}):
        answer = httpx.post(
            f"{legacy.root_url}/v1/execute", headers=headers, content=b'{"input": "Hello!"}'
        )
        assert answer.status_code == 200


def test_a_page_of_the_server_itself(legacy):
    """As /docs is, also behind a proxy with TLS; its bodies are JSON, and called so."""
    own = {"host": "localhost", "origin": "https://localhost"}
    url, body = f"{legacy.root_url}/v1/execute", b'{"input": "Hello!"}'
    refused = httpx.post(url, headers={**own, "content-type": "text/plain"}, content=body)
    assert refused.status_code == 415
    assert "application/json" in refused.json()["detail"]
    assert httpx.post(url, headers=own, content=body).status_code == 415
    own["content-type"] = "application/json"
    assert httpx.post(url, headers=own, content=body).status_code == 200


@pytest.fixture(scope="module")
def configured(start_legacy):
    """Pages of one site may call the server, and it has a name."""
    running = start_legacy(
        "--cors-origins", "https://good.example",
        "--allowed-hosts", "colonnade.example",
        "--llama-chat-origins", "http://localhost:3000",
    )  # fmt: skip
    yield running
    running.stop()


GOOD = {"origin": "https://good.example"}


def test_pages_that_may(configured):
    with configured.client(headers={"host": "colonnade.example:8000"}) as http:
        asks = {
            **GOOD,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type",
        }
        leave = http.options("/v1/chat/completions", headers=asks)
        assert leave.status_code == 204
        assert leave.headers["access-control-allow-origin"] == GOOD["origin"]
        assert leave.headers["vary"] == "Origin"
        assert "POST" in leave.headers["access-control-allow-methods"]
        assert "authorization" in leave.headers["access-control-allow-headers"].lower()
        assert "access-control-allow-private-network" not in leave.headers
        private = {**asks, "access-control-request-private-network": "true"}
        leave = http.options("/v1/chat/completions", headers=private)
        assert leave.headers["access-control-allow-private-network"] == "true"
        answer = http.post("/v1/chat/completions", headers=GOOD, json=CHAT)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == GOOD["origin"]
        assert "x-request-id" in answer.headers["access-control-expose-headers"]
        # It can read why it is refused.
        refused = http.post("/v1/chat/completions", headers=GOOD, content=json.dumps(CHAT))
        assert refused.status_code == 415
        assert refused.headers["access-control-allow-origin"] == GOOD["origin"]
        assert http.post("/unload", headers=EVIL).status_code == 403
        assert http.post("/unload", headers={"origin": "null"}).status_code == 403
    with connect(configured.root_url.replace("http", "ws", 1) + "/ws", origin=GOOD["origin"]) as ws:
        ws.send("{")
        assert json.loads(ws.recv())["code"] == "INVALID_JSON"


def test_the_port_of_llama_chat_narrowed(configured):
    url = configured.services[TITLES["llama_chat"]] + "/chat"
    for origin, status in (
        ("http://localhost:3000", 200),
        ("https://good.example", 403),
        ("null", 403),
    ):
        answer = httpx.post(url, headers={"origin": origin}, json={"message": "Hello!"}, timeout=60)
        assert answer.status_code == status
        if status == 403:
            assert "--llama-chat-origins" in answer.json()["detail"]
    assert not any("Pages of any web site" in line for line in configured.log)


@pytest.mark.parametrize("origin", ["https://any.example", "null"])
def test_the_port_of_llama_chat(legacy, origin):
    """All origins, as its document says; for its own port's routes alone, by its own names."""
    url = legacy.services[TITLES["llama_chat"]]
    page = {"origin": origin}
    asks = {"access-control-request-method": "POST"}
    wants = {**page, **asks, "access-control-request-headers": "content-type"}
    leave = httpx.options(f"{url}/chat", headers=wants)
    assert leave.status_code == 204
    assert leave.headers["access-control-allow-origin"] == "*"
    assert "content-type" in leave.headers["access-control-allow-headers"].lower()
    private = {**wants, "access-control-request-private-network": "true"}
    refused = httpx.options(f"{url}/chat", headers=private)
    assert "access-control-allow-private-network" not in refused.headers, "nobody named this page"
    answer = httpx.post(f"{url}/chat", headers=page, json={"message": "Hello!"}, timeout=60)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    # As an EventSource asks: a GET with the page's name, and no preflight.
    events = {**page, "accept": "text/event-stream", "sec-fetch-site": "cross-site"}
    stream = httpx.get(f"{url}/chat/stream?message=Hello!", headers=events, timeout=60)
    assert stream.status_code == 200
    assert stream.headers["access-control-allow-origin"] == "*"
    # A failure can be read, too, and there is no way around a preflight.
    wrong = httpx.post(f"{url}/chat", headers=page, json={"message": ""})
    assert wrong.status_code == 400
    assert wrong.headers["access-control-allow-origin"] == "*"
    plain = httpx.post(f"{url}/chat", headers=page, content=b'{"message": "Hello!"}')
    assert plain.status_code == 415
    assert plain.headers["access-control-allow-origin"] == origin
    rebound = httpx.get(f"{url}/sessions", headers={"host": "rebind.example"})
    assert rebound.status_code == 421
    main = httpx.post(f"{legacy.root_url}/chat", headers=page, json={"message": "Hello!"})
    assert main.status_code == 403
    said = [line for line in legacy.log if "Pages of any web site may call LLaMA chat" in line]
    assert len(said) == 1
    assert "--llama-chat-origins" in said[0]


def test_nothing_was_begun(legacy):
    with legacy.client() as http:
        assert active(http) == 0
