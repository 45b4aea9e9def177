"""LLaMA chat: sessions over both ports, streams, restarts, and what goes wrong."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid

import httpx
import pytest

from tests.legacy.conftest import active


@pytest.fixture
def chat(at):
    http = at("llama_chat")

    def chat(message: str, session: str | None = None, **more: object) -> dict:
        body = {"message": message, "session_id": session, "temperature": 0, **more}
        answer = http.post("/chat", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return chat


def events(text: str) -> list[dict]:
    return [json.loads(line[6:]) for line in text.split("\n") if line.startswith("data: ")]


def test_a_session_remembers_over_both_ports(legacy, chat):
    session = chat("My name is Alice")["session_id"]
    for url in (legacy.root_url, legacy.services["LLaMA chat"]):
        body = {"message": "What's my name?", "session_id": session, "temperature": 0}
        assert "Alice" in httpx.post(f"{url}/chat", json=body, timeout=60).json()["response"]


def test_an_unknown_session_begins_with_its_id(chat):
    assert chat("Hello!", "never-seen")["session_id"] == "never-seen"


def test_sessions_do_not_mix(chat):
    one, two = chat("My name is Alice")["session_id"], chat("My name is Carla")["session_id"]
    assert "Alice" in chat("What's my name?", one)["response"]
    assert "Carla" in chat("What's my name?", two)["response"]


def test_clearing_forgets(at, chat):
    session = chat("My name is Alice")["session_id"]
    http = at("llama_chat")
    cleared = http.post("/chat/clear", json={"session_id": session})
    assert cleared.json() == {"status": "cleared", "session_id": session}
    assert http.post("/chat/clear", json={"session_id": session}).status_code == 404
    assert "Alice" not in chat("What's my name?", session)["response"]


def test_the_listing_has_the_live_ones(at, chat):
    mine = [chat("Hello!")["session_id"] for _ in range(3)]
    listing = at("llama_chat").get("/sessions").json()
    assert listing["count"] == len(listing["sessions"])
    assert listing["sessions"][:3] == mine[::-1], "the one used last comes first"


def test_a_stream_is_kept_too(at, chat):
    http = at("llama_chat")
    answer = http.post("/chat/stream", json={"message": "My name is Alice", "temperature": 0})
    assert answer.headers["content-type"].startswith("text/event-stream")
    *tokens, done = events(answer.text)
    assert all(token.keys() == {"token"} for token in tokens)
    assert done["done"] is True
    assert "Alice" in "".join(token["token"] for token in tokens)
    assert "Alice" in chat("What's my name?", done["session_id"])["response"]


def test_an_event_source_gets_a_stream(at):
    query = {"message": "Count from 1 to 3", "session_id": "es", "temperature": "0"}
    answer = at("llama_chat").get("/chat/stream", params=query)
    *tokens, done = events(answer.text)
    assert "".join(token["token"] for token in tokens) == "1, 2, 3"
    assert done == {"done": True, "session_id": "es"}
    refused = at("llama_chat").get("/chat/stream", params={"temperature": "9"})
    assert refused.status_code == 422


def test_two_requests_to_one_session_come_one_after_the_other(legacy):
    session = str(uuid.uuid4())

    async def both() -> None:
        async with httpx.AsyncClient(base_url=legacy.root_url, timeout=60) as http:
            bodies = (
                {"message": f"My name is {name}", "session_id": session, "temperature": 0}
                for name in ("Alice", "Carla", "Emma", "Maria")
            )
            answers = await asyncio.gather(*(http.post("/chat", json=body) for body in bodies))
            assert [answer.status_code for answer in answers] == [200] * 4

    asyncio.run(both())
    body = {"message": "Hello!", "session_id": session, "temperature": 0}
    tokens = httpx.post(f"{legacy.root_url}/chat", json=body, timeout=60).json()["tokens_used"]
    assert tokens > 80, "all four exchanges are in the prompt"


def test_the_history_is_bounded(chat):
    session = chat("Hello!")["session_id"]
    used = [chat("Hello!", session)["tokens_used"] for _ in range(8)]
    assert used[0] < used[3], "the first exchanges add up"
    assert len(set(used[5:])) == 1, "five exchanges and no more"


def test_what_does_not_fit_the_context_is_left_out(chat):
    session = chat("Hello!")["session_id"]
    long = "Repeat: hello. " + "blue " * 500
    for _ in range(4):
        chat(long, session, max_tokens=2)
    assert chat("Hello!", session)["response"]


@pytest.mark.parametrize("message", ["", "  \n"])
@pytest.mark.parametrize("path", ["/chat", "/chat/stream"])
def test_an_empty_message(at, path, message):
    answer = at("llama_chat").post(path, json={"message": message})
    assert answer.status_code == 400
    assert answer.json() == {"detail": "Message cannot be empty"}


@pytest.mark.parametrize("path", ["/chat", "/chat/stream", "/chat/clear"])
def test_a_session_id_of_a_megabyte(at, path):
    answer = at("llama_chat").post(path, json={"message": "Hello!", "session_id": "a" * 2**20})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "session_id"]


@pytest.mark.parametrize(
    "session", ["", "../../etc", "a\x00b", "'; DROP TABLE sessions; --", "🦙" * 60]
)
def test_any_text_is_a_session_id(chat, session):
    answered = chat("My name is Alice", session)["session_id"]
    assert answered == session or not session
    assert "Alice" in chat("What's my name?", answered)["response"]


@pytest.mark.usefixtures("loaded")
def test_without_a_model(legacy, at):
    httpx.post(f"{legacy.root_url}/unload").raise_for_status()
    for path in ("/chat", "/chat/stream"):
        answer = at("llama_chat").post(path, json={"message": "Hello!"})
        assert answer.status_code == 503
        assert answer.json() == {"detail": "Model not loaded"}
    own = httpx.get(legacy.services["LLaMA chat"] + "/health")
    assert (own.status_code, own.json()["model_loaded"]) == (503, False)
    main = httpx.get(legacy.root_url + "/health")
    assert (main.status_code, main.json()["model_loaded"]) == (200, False)


def test_information_and_pages(legacy):
    url = legacy.services["LLaMA chat"]
    assert httpx.get(url).json() == {
        "service": "LLaMA Chat API",
        "version": "1.0.0",
        "docs": "/docs",
        "health": "/health",
    }
    assert httpx.get(url + "/health").json() == {"status": "healthy", "model_loaded": True}
    for path in ("/docs", "/redoc"):
        assert httpx.get(url + path).status_code == 200


def test_what_was_answered_survives_kill_9(start_legacy, tmp_path):
    database = f"sqlite:///{tmp_path / 'sessions.db'}"
    server = start_legacy("--session-database", database)
    with server.client() as http:
        body = {"message": "My name is Alice", "session_id": "s", "temperature": 0}
        assert http.post("/chat", json=body).status_code == 200
        body = {"message": "Hello!", "session_id": "t"}
        assert "done" in http.post("/chat/stream", json=body).text
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(10)
    server = start_legacy("--session-database", database)
    try:
        with server.client() as http:
            assert http.get("/sessions").json() == {"sessions": ["t", "s"], "count": 2}
            body = {"message": "What's my name?", "session_id": "s", "temperature": 0}
            assert "Alice" in http.post("/chat", json=body).json()["response"]
    finally:
        server.stop()


def test_on_postgresql(start_legacy):
    url = os.environ.get("TEST_DATABASE_URL")
    if not url:
        pytest.skip("TEST_DATABASE_URL names no PostgreSQL server")
    server = start_legacy("--session-database", url)
    session = str(uuid.uuid4())
    try:
        with server.client() as http:
            for message in ("My name is Alice", "What's my name?"):
                body = {"message": message, "session_id": session, "temperature": 0}
                answer = http.post("/chat", json=body).json()
            assert "Alice" in answer["response"]
            assert session in http.get("/sessions").json()["sessions"]
    finally:
        server.stop()


def test_a_client_that_goes_away_lets_the_next_one_in(endless):
    body = {"message": "Hello", "session_id": "gone", "max_tokens": 30000, "temperature": 0}
    with endless.client() as http:
        with http.stream("POST", "/chat/stream", json=body) as answer:
            next(answer.iter_lines())
        short = http.post("/chat", json=body | {"max_tokens": 2})
        assert short.status_code == 200
        assert short.json()["tokens_used"] < 30, "the answer that was given up is not kept"
        assert active(http) == 0


def test_expiry(start_legacy):
    server = start_legacy("--session-seconds", "0.2")
    try:
        with server.client() as http:
            http.post("/chat", json={"message": "Hello!", "session_id": "s"}).raise_for_status()
            deadline = time.monotonic() + 20
            while http.get("/sessions").json()["sessions"]:
                assert time.monotonic() < deadline, "it expires"
            assert http.post("/chat/clear", json={"session_id": "s"}).status_code == 404
    finally:
        server.stop()


@pytest.mark.parametrize(
    "url", ["sqlite:////proc/nowhere/x.db", "mysql://x", "postgresql://u:secret@127.0.0.1:1/x"]
)
def test_a_database_that_cannot_be_had(url):
    command = [sys.executable, "-m", "colonnade", "serve", "none", "--port", "0"]
    done = subprocess.run(
        [*command, "--session-database", url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stderr.startswith("colonnade: ")
    assert "secret" not in done.stderr
