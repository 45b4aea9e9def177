"""Sessions of LLaMA chat: how many, how much, whose, in pages, and without room to keep them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import uuid
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.legacy.conftest import active, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HELLO = {"message": "Hello!", "temperature": 0}


def test_pages(at):
    for _ in range(5):
        at("llama_chat").post("/chat", json=HELLO).raise_for_status()
    http = at("llama_chat")
    whole = http.get("/sessions").json()
    assert whole.keys() == {"sessions", "count"}
    pages, more = [], {}
    while True:
        page = http.get("/sessions", params={"limit": 2, **more}).json()
        assert len(page["sessions"]) <= 2
        assert page["count"] == whole["count"]
        pages += page["sessions"]
        if "next" not in page:
            break
        more = {"after": page["next"]}
    assert pages == whole["sessions"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"after": "somewhere"}, "after"),
        ({"after": "ü"}, "after"),
        ({"after": "AAAA"}, "after"),
        ({"after": "AAAAAAAAAAD_"}, "after"),
    ],
)
def test_a_page_that_is_none(at, query, field):
    answer = at("llama_chat").get("/sessions", params=query)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][-1] == field


def test_so_many_sessions_are_kept(start_legacy):
    server = start_legacy("--session-count", "3", "--temperature", "0")
    try:
        with server.client() as http:
            for name in "abcde":
                http.post("/chat", json=HELLO | {"session_id": name}).raise_for_status()
            listing = http.get("/sessions").json()
            assert listing == {"sessions": ["e", "d", "c"], "count": 3}
    finally:
        server.stop()


@pytest.mark.anyio
async def test_four_hundred_requests_to_one_session(endless):
    session = str(uuid.uuid4())
    long = HELLO | {"session_id": session, "max_tokens": 30000}
    short = HELLO | {"session_id": session, "max_tokens": 2}
    limits = httpx.Limits(max_connections=500)
    async with httpx.AsyncClient(base_url=endless.root_url, timeout=60, limits=limits) as http:
        async with http.stream("POST", "/chat/stream", json=long) as first:
            lines = first.aiter_lines()
            assert (await anext(lines)).startswith("data:")
            waiting = [asyncio.create_task(http.post("/chat", json=short)) for _ in range(400)]
            done: set[asyncio.Task[httpx.Response]] = set()
            while len(done) < 399:
                assert '"done":true' not in await anext(lines), "it goes on all the while"
                done = {each for each in waiting if each.done()}
            assert {each.result().status_code for each in done} == {429}
            assert all("wait" in each.result().json()["detail"] for each in done)
            assert all("retry-after" in each.result().headers for each in done)
            metrics = (await http.get("/metrics")).text
            assert "colonnade_session_requests_waiting 1.0" in metrics
        (last,) = (each for each in waiting if each not in done)
        assert (await last).status_code == 200
    with endless.client() as client:
        await until(lambda: active(client) == 0)


def test_without_room_to_keep_them(start_legacy, tmp_path):
    path = tmp_path / "sessions.db"
    server = start_legacy("--session-database", f"sqlite:///{path}", "--temperature", "0")
    endless = resource.RLIM_INFINITY
    with server.client() as http:
        http.post("/chat", json=HELLO | {"session_id": "a"}).raise_for_status()
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1 << 12, endless))
        for _ in range(3):
            refused = http.post("/chat", json=HELLO | {"session_id": "b"})
            assert refused.status_code == 507
            assert refused.json() == {"detail": "There is no room left to keep sessions."}
        assert http.get("/health").json()["model_loaded"]
        assert http.get("/sessions").json() == {"sessions": ["a"], "count": 1}
        streamed = http.post("/chat/stream", json=HELLO | {"session_id": "b"}).text
        assert streamed.rstrip().endswith(
            'data: {"error":"There is no room left to keep sessions."}'
        )
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (endless, endless))
        http.post("/chat", json=HELLO | {"session_id": "b"}).raise_for_status()
    server.stop()
    log = "".join(server.log)
    told = [line for line in server.log if "sessions.db" in line]
    assert len(told) == 4, log
    assert "Traceback" not in log


@pytest.fixture(scope="module")
def keyed(start_legacy):
    server = start_legacy("--api-key", "mine", "--api-key", "yours", "--temperature", "0")
    yield server
    server.stop()


@pytest.fixture
def clients() -> Iterator[Callable[[str, str], httpx.Client]]:
    """Clients of an address, each with a key."""
    with contextlib.ExitStack() as stack:

        def client(url: str, key: str) -> httpx.Client:
            headers = {"authorization": f"Bearer {key}"}
            return stack.enter_context(httpx.Client(base_url=url, timeout=60, headers=headers))

        yield client


@pytest.mark.parametrize("own_port", [False, True])
def test_a_session_belongs_to_a_key(keyed, clients, own_port):
    url = keyed.services["LLaMA chat"] if own_port else keyed.root_url
    session = f"shared-{own_port}"
    mine, yours = clients(url, "mine"), clients(url, "yours")

    def say(http: httpx.Client, message: str) -> str:
        body = {"message": message, "session_id": session, "temperature": 0}
        return str(http.post("/chat", json=body).raise_for_status().json()["response"])

    say(mine, "My name is Alice")
    assert session not in yours.get("/sessions").json()["sessions"]
    assert yours.post("/chat/clear", json={"session_id": session}).status_code == 404
    assert "Alice" not in say(yours, "What's my name?")
    say(yours, "My name is Carla")
    assert "Alice" in say(mine, "What's my name?")
    assert "Carla" in say(yours, "What's my name?")
    assert yours.post("/chat/clear", json={"session_id": session}).status_code == 200
    assert session in mine.get("/sessions").json()["sessions"]


def test_a_queued_stream_belongs_to_a_key(keyed, clients):
    url = keyed.services["Queued streaming"]
    path, submit = "/api/v1/chat/stream/one", "/api/v1/chat/submit"
    job = {"prompt": "Count from 1 to 3", "client_id": "one"}
    mine, yours = clients(url, "mine"), clients(url, "yours")
    with mine.stream("GET", path) as events:
        lines = events.iter_lines()
        assert next(lines).startswith(":")
        assert mine.get(path).status_code == 409
        assert yours.post(submit, json=job).status_code == 404
        with yours.stream("GET", path) as others:
            assert others.status_code == 200
            assert next(others.iter_lines()).startswith(":")
            queued = mine.post(submit, json=job)
            assert queued.status_code == 202
            assert _until_done(lines) == {queued.json()["job_id"]}


def _until_done(lines: Iterator[str]) -> set[str]:
    jobs = set()
    event = ""
    for line in lines:
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        if line.startswith("data: "):
            jobs.add(json.loads(line.removeprefix("data: "))["job_id"])
            if event == "done":
                break
    return jobs
