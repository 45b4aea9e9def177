"""Many clients at once, clients that leave, and a worker that dies under them."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest

from tests.running import start_server

if TYPE_CHECKING:
    from tests.running import RunningServer

CHAT = "/v1/chat/completions"
ENDLESS: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Hello!"}],
    "ignore_eos": True,
    "stop": "\0never",
}


async def test_many_clients_at_once(async_client: openai.AsyncOpenAI, model: str) -> None:
    async def ask(number: int) -> str:
        stream = await async_client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": f"Count to {number}."}],
            max_tokens=10,
            temperature=0,
            stream=bool(number % 2),
        )
        if isinstance(stream, openai.AsyncStream):
            parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
            return "".join(parts)
        return stream.choices[0].message.content or ""

    answers = await asyncio.gather(*(ask(number // 2 * 2) for number in range(32)))
    streamed = await asyncio.gather(*(ask(number // 2 * 2 + 1) for number in range(32)))
    assert all(answers)
    assert all(streamed)


@pytest.mark.parametrize(
    ("messages", "words", "code"),
    [(1, 2_000_000, "context_length_exceeded"), (20_000, 1, "invalid_request")],
)
async def test_huge_body_is_refused_and_holds_up_nobody(
    server: RunningServer, messages: int, words: int, code: str
) -> None:
    huge = {"messages": [{"role": "user", "content": "word " * words}] * messages}
    async with httpx.AsyncClient(base_url=server.root_url, timeout=60) as http:
        refused = asyncio.create_task(http.post(CHAT, json=huge))
        longest = 0.0
        while not refused.done():
            began = time.monotonic()
            assert (await http.get("/health")).status_code == 200
            longest = max(longest, time.monotonic() - began)
            await asyncio.sleep(0.01)
        response = await refused
    assert response.status_code == 400
    assert response.json()["error"]["code"] == code
    assert longest < 2


@pytest.fixture
def roomy_server(random_model: Any) -> Any:
    """Its context is so long that an endless answer outlasts every patience below."""
    model = str(random_model("llama"))
    running = start_server(model, "--threads", "1", "--slots", "4", "--ctx-size", "65536")
    yield running
    running.stop()


def test_streaming_clients_that_leave_free_their_slots(roomy_server: RunningServer) -> None:
    with roomy_server.client() as http, ExitStack() as leaving:
        for _ in range(4):
            first_words(leaving.enter_context(stream(http)))
        leaving.close()
        assert short_answers(http, 4) == [1, 1, 1, 1]
        assert ends(roomy_server, 8) == {"cancelled": 4, "1 tokens": 4}


def test_waiting_clients_that_leave_free_their_slots(roomy_server: RunningServer) -> None:
    with roomy_server.client() as http:
        for _ in range(4):
            with pytest.raises(httpx.ReadTimeout):
                http.post(CHAT, json=ENDLESS, timeout=0.5)
        assert short_answers(http, 4) == [1, 1, 1, 1]
        assert ends(roomy_server, 8) == {"cancelled": 4, "1 tokens": 4}


def stream(http: httpx.Client) -> Any:
    return http.stream("POST", CHAT, json=ENDLESS | {"stream": True})


def first_words(response: httpx.Response) -> Any:
    """Read until the model speaks, which takes a slot; returns the rest."""
    lines = response.iter_lines()
    for line in lines:
        if '"delta":{"content":' in line:
            return lines
    raise AssertionError


def short_answers(http: httpx.Client, count: int) -> list[int]:
    body = ENDLESS | {"max_tokens": 1}
    answers = [http.post(CHAT, json=body, timeout=20).json() for _ in range(count)]
    return [answer["usage"]["completion_tokens"] for answer in answers]


def ends(server: RunningServer, count: int) -> Counter[str]:
    """How the requests ended, as the log has it."""
    pattern = re.compile(r"request [\d.]+: (cancelled|\d+ tokens)")
    deadline = time.monotonic() + 30
    found: list[str] = []
    while len(found) < count and time.monotonic() < deadline:
        time.sleep(0.02)  # lines come from a thread
        found = [match[1] for line in list(server.log) if (match := pattern.search(line))]
    return Counter(found)


@pytest.fixture
def small_server() -> Any:
    running = start_server("demo", "--threads", "1", "--slots", "1", "--queue-size", "1")
    yield running
    running.stop()


def test_full_queue_and_a_worker_that_dies(small_server: RunningServer) -> None:
    client = openai.OpenAI(base_url=small_server.base_url, api_key="unused", max_retries=0)
    with client, small_server.client() as http, ExitStack() as stack:
        speaking = stack.enter_context(stream(http))
        lines = first_words(speaking)
        waiting = stack.enter_context(stream(http))
        with pytest.raises(openai.RateLimitError) as full:
            client.chat.completions.create(model="", messages=ENDLESS["messages"])
        assert full.value.code == "queue_full"
        assert int(full.value.response.headers["retry-after"]) >= 1
        kill_worker(small_server)
        for rest in (lines, waiting.iter_lines()):
            *_, last = [line for line in rest if line]
            assert '"code":"worker_died"' in last
        retrying = client.with_options(max_retries=5)
        after = retrying.chat.completions.create(
            model="", messages=ENDLESS["messages"], max_tokens=1
        )
        assert after.choices


def kill_worker(server: RunningServer) -> None:
    pid = server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), signal.SIGKILL)
