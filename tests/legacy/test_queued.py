"""Queued streaming, with real streams."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

STREAM = "/api/v1/chat/stream"
SUBMIT = "/api/v1/chat/submit"
CONTEXT = "Knowledge distillation is a process in which a compact model, the student, is trained."


class Client:
    """A connected client: its events, one after the other."""

    def __init__(self, http: httpx.AsyncClient, name: str) -> None:
        self.http, self.name = http, name

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[Client]:
        while (await self.submit("Hello!")).status_code != 404:
            pass  # the server has yet to notice that the one of an earlier test is gone
        async with self.http.stream("GET", f"{STREAM}/{self.name}") as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            self._lines = answer.aiter_lines()
            assert (await anext(self._lines)).startswith(":"), "it is connected now"
            yield self

    async def submit(self, prompt: str, context: str = "") -> httpx.Response:
        body = {"prompt": prompt, "context": context, "client_id": self.name}
        return await self.http.post(SUBMIT, json=body)

    async def event(self) -> tuple[str, dict]:
        name = ""
        async for line in self._lines:
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                return name, json.loads(line[6:])
        raise AssertionError("the stream ended")

    async def answer(self) -> tuple[str, str, str]:
        """The job, its text and its last event."""
        text = ""
        while True:
            name, event = await self.event()
            if name != "token":
                return event["job_id"], text, name
            text += event["token"]


@pytest.fixture
async def http(door):
    async with httpx.AsyncClient(base_url=door("queued"), timeout=60) as http:
        yield http


async def test_a_job_comes_back_on_the_stream(http):
    async with Client(http, "one").connected() as client:
        queued = await client.submit("Count from 1 to 3")
        assert queued.status_code == 202
        assert queued.json().keys() == {"status", "client_id", "job_id", "position"}
        assert queued.json()["status"] == "queued"
        assert queued.json()["client_id"] == "one"
        job, text, end = await client.answer()
        assert (job, text, end) == (queued.json()["job_id"], "1, 2, 3", "done")


async def test_who_comes_again_at_once_is_let_in(http):
    for _ in range(3):
        async with Client(http, "again").connected():
            pass


async def test_the_context_is_asked_about(http):
    async with Client(http, "context").connected() as client:
        await client.submit("Where does Maria live?", "Maria lives in Lisbon.")
        _, text, _ = await client.answer()
        assert "Lisbon" in text
        assert (await client.submit("What is knowledge distillation?", CONTEXT)).status_code == 202
        assert (await client.answer())[2] == "done"


async def test_done_has_a_reason(http):
    async with Client(http, "reason").connected() as client:
        await client.submit("Hello!")
        while (found := await client.event())[0] == "token":
            assert found[1].keys() == {"job_id", "token"}
        assert found == ("done", {"job_id": found[1]["job_id"], "finish_reason": "stop"})


async def test_one_clients_jobs_run_in_order(http):
    async with Client(http, "order").connected() as client:
        jobs = [(await client.submit(f"Repeat: {n}")).json()["job_id"] for n in range(10)]
        assert [(await client.answer())[0] for _ in jobs] == jobs


async def test_clients_do_not_get_each_others_tokens(http):
    async def one(name: str) -> None:
        async with Client(http, name).connected() as client:
            for n in (3, 4):
                await client.submit(f"Count from 1 to {n}")
                assert (await client.answer())[1] == ", ".join(map(str, range(1, n + 1)))

    await asyncio.gather(*(one(f"client-{number}") for number in range(12)))


async def test_submitting_without_a_stream(http):
    answer = await Client(http, "nobody").submit("Hello!")
    assert answer.status_code == 404
    assert "nobody" in answer.json()["detail"]


async def test_clients_that_leave_at_once_take_nothing_with_them(http):
    """Their jobs are cancelled at every stage, also before they have begun."""

    async def come_and_go(name: str) -> None:
        async with Client(http, name).connected() as client:
            await client.submit("Tell me a story.")

    for turn in range(5):
        await asyncio.gather(*(come_and_go(f"brief-{turn}-{number}") for number in range(30)))
    async with Client(http, "patient").connected() as client:
        await client.submit("Count from 1 to 3")
        assert (await client.answer())[1] == "1, 2, 3"


async def test_one_client_cannot_take_the_whole_queue(http):
    async with Client(http, "greedy").connected() as client, Client(http, "b").connected() as b:
        codes = [(await client.submit("Tell me a story.")).status_code for _ in range(80)]
        assert set(codes) == {202, 429}
        assert (await b.submit("Count from 1 to 3")).status_code == 202
        assert (await b.answer())[1] == "1, 2, 3"


async def test_connecting_twice(http):
    async with Client(http, "twice").connected():
        answer = await http.get(f"{STREAM}/twice")
        assert answer.status_code == 409
        assert "twice" in answer.json()["detail"]
    await _until_free(http, "twice")


async def _until_free(http: httpx.AsyncClient, name: str) -> None:
    """Until the server has noticed that a client went away."""
    while (await Client(http, name).submit("Hello!")).status_code != 404:
        pass


@pytest.mark.parametrize(
    "body", [{}, {"prompt": "", "client_id": "a"}, {"prompt": "a"}, {"prompt": 1, "client_id": "a"}]
)
async def test_bad_bodies(http, body):
    answer = await http.post(SUBMIT, json=body)
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)


async def test_a_client_id_that_is_too_long(http):
    assert (await http.get(f"{STREAM}/{'a' * 300}")).status_code == 422


async def test_a_prompt_that_is_too_long_is_an_event(http):
    async with Client(http, "long").connected() as client:
        await client.submit("word " * 5000)
        name, event = await client.event()
        assert name == "error"
        assert "2048" in event["detail"]
        await client.submit("Count from 1 to 3")
        assert (await client.answer())[1] == "1, 2, 3"


async def test_without_a_model(http, legacy, loaded):
    def unload() -> None:
        httpx.post(f"{legacy.root_url}/unload").raise_for_status()

    async with Client(http, "no-model").connected() as client:
        await asyncio.to_thread(unload)
        answer = await client.submit("Hello!")
        assert (answer.status_code, answer.json()) == (503, {"detail": "Model not loaded"})
        await asyncio.to_thread(loaded)
        await client.submit("Count from 1 to 3")
        assert (await client.answer())[1] == "1, 2, 3"


async def test_the_queue_is_bounded_and_a_client_that_leaves_makes_room(endless):
    """Two slots and one place to wait."""
    async with (
        httpx.AsyncClient(base_url=endless.root_url, timeout=60) as http,
        Client(http, "a").connected() as a,
        Client(http, "b").connected() as b,
    ):
        async with Client(http, "c").connected() as c:
            positions = []
            for client in (a, c):
                positions.append((await client.submit("Hello")).json()["position"])
                await client.event()
            positions.append((await a.submit("Hello")).json()["position"])
            assert positions == [0, 0, 1]
            full = await b.submit("Hello")
            assert full.status_code == 429
            assert int(full.headers["retry-after"]) >= 1
            assert full.json()["detail"]
        # c is gone, with its job; b may wait behind a's second one, which waits for a's first
        while (answer := await b.submit("Hello")).status_code == 429:
            pass
        assert answer.status_code == 202
        assert (await b.event())[1]["job_id"] == answer.json()["job_id"], "a's turn holds up nobody"


async def test_a_stop_waits_for_jobs_and_not_for_idle_streams(start_legacy):
    server = await asyncio.to_thread(start_legacy)
    async with httpx.AsyncClient(base_url=server.root_url, timeout=60) as http:
        async with Client(http, "idle").connected(), Client(http, "busy").connected() as busy:
            assert (await busy.submit("Tell me a story.")).status_code == 202
            assert (await busy.submit("Count from 1 to 3")).status_code == 202
            server.process.terminate()
            await busy.answer()
            assert (await busy.answer())[1:] == ("1, 2, 3", "done")
        code = await asyncio.to_thread(server.process.wait, 10)
    assert code == 0
    assert not any("Traceback" in line for line in server.log)
