"""The Gemma worker's WebSocket, spoken to with the websockets package."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.legacy.conftest import active, until

pytestmark = pytest.mark.anyio


@pytest.fixture
def url(door):
    return door("gemma").replace("http", "ws", 1) + "/ws"


async def ask(ws: ClientConnection, request: Any) -> list[dict[str, Any]]:
    """Send a request; its events, up to the last."""
    await ws.send(request if isinstance(request, str | bytes) else json.dumps(request))
    events = []
    async for message in ws:
        assert isinstance(message, str)
        assert message.endswith("\n")
        assert message.count("\n") == 1
        events.append(json.loads(message))
        if events[-1]["type"] in ("result", "error"):
            return events
    raise AssertionError(events)


async def test_events_of_a_request(url):
    async with connect(url) as ws:
        session, reasoning, result = await ask(ws, {"input": "Hello!"})
        assert uuid.UUID(session["session_id"]).version == 4
        assert reasoning == {"type": "reasoning", "content": "Processing your request..."}
        assert result.keys() == {"type", "status", "content", "origin"}
        assert (result["status"], result["origin"]) == ("success", "local")
        session, *_ = await ask(ws, {"input": "Hello!", "session_id": "mine"})
        assert session["session_id"] == "mine"


async def test_a_stream_has_deltas_before_the_result(url):
    async with connect(url) as ws:
        events = await ask(ws, {"input": "Tell me a short story.", "stream": True})
    assert [event["type"] for event in events[:2]] == ["session", "reasoning"]
    deltas = [event for event in events if event["type"] == "delta"]
    assert len(deltas) > 3
    assert "".join(delta["content"] for delta in deltas) == events[-1]["content"]


async def test_thoughts_are_reasoning(url):
    async with connect(url) as ws:
        events = await ask(ws, {"input": "Think before you answer. What is 12 + 7?"})
    assert {event["type"] for event in events} <= {"session", "reasoning", "result"}
    assert "<think>" not in json.dumps(events)


async def test_errors_leave_the_connection_open(url):
    cases = [
        ("{", "INVALID_JSON"),
        ("", "INVALID_JSON"),
        (b'{"input": "Hello!"}', "INVALID_JSON"),
        (b"\xff\xfe", "INVALID_JSON"),
        ("[]", "VALIDATION_ERROR"),
        ("{}", "VALIDATION_ERROR"),
        ('{"input": ""}', "VALIDATION_ERROR"),
        ('{"input": "a", "temperature": 9}', "VALIDATION_ERROR"),
        ('{"input": ' + "[" * 5000, "VALIDATION_ERROR"),
        (json.dumps({"input": "word " * 5000}), "VALIDATION_ERROR"),
    ]
    async with connect(url) as ws:
        for request, code in cases:
            events = await ask(ws, request)
            assert events[-1]["type"] == "error"
            assert events[-1]["code"] == code, request[:40]
            assert events[-1]["error"]
        assert (await ask(ws, {"input": "Hello!"}))[-1]["type"] == "result"


async def test_no_model(url, at, loaded):
    async with connect(url) as ws:
        at("flowgen").post("/unload").raise_for_status()
        events = await ask(ws, {"input": "Hello!"})
        assert events[-1]["code"] == "MODEL_NOT_LOADED"
        loaded()
        assert (await ask(ws, {"input": "Hello!"}))[-1]["type"] == "result"


async def begin_endless(ws: ClientConnection) -> None:
    """Start an answer that goes on, and see its first words."""
    request = {"input": "Hello", "max_tokens": 30000, "stream": True, "temperature": 0}
    await ws.send(json.dumps(request))
    async for message in ws:
        if json.loads(message)["type"] == "delta":
            return


async def test_a_full_queue(endless):
    address = endless.root_url.replace("http", "ws", 1) + "/ws"
    async with contextlib.AsyncExitStack() as stack:
        one, two, three, four = [
            await stack.enter_async_context(connect(address, close_timeout=0.1)) for _ in "1234"
        ]
        await begin_endless(one)
        await begin_endless(two)
        await three.send(json.dumps({"input": "Hello!"}))
        with endless.client() as http:
            await until(lambda: active(http) == 3)
        assert (await ask(four, {"input": "Hello!"}))[-1]["code"] == "QUEUE_FULL"


async def test_a_time_limit(start_legacy, models_dir):
    server = start_legacy(
        "--request-seconds", "0.3", "--ctx-size", "32768", model=str(models_dir / "random.gguf")
    )
    address = server.root_url.replace("http", "ws", 1) + "/ws"
    try:
        async with connect(address) as ws:
            for _ in range(2):
                events = await ask(ws, {"input": "Hello!", "max_tokens": 30000, "temperature": 0})
                assert events[-1]["code"] == "TIMEOUT"
        with server.client() as http:
            answer = http.post("/v1/execute", json={"input": "Hello!", "max_tokens": 30000})
            assert answer.status_code == 504
            body = {"messages": [{"role": "user", "content": "Hello!"}]}
            answer = http.post("/v1/chat/completions", json=body)
            assert answer.status_code == 504
            assert answer.json()["error"]["code"] == "timeout"
            assert active(http) == 0
    finally:
        server.stop()


async def test_many_at_once(url):
    async def one(number: int) -> str:
        async with connect(url) as ws:
            events = await ask(ws, {"input": f"Repeat: {number}"})
            return events[-1]["type"]

    assert await asyncio.gather(*(one(number) for number in range(64))) == ["result"] * 64


async def test_a_thousand_idle_ones_disturb_nobody(url):
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(20):
            batch = (stack.enter_async_context(connect(url)) for _ in range(50))
            await asyncio.gather(*batch)
        async with connect(url) as ws:
            assert (await ask(ws, {"input": "Hello!"}))[-1]["type"] == "result"


async def test_the_first_event_comes_at_once(url):
    async with connect(url) as ws:
        await ask(ws, {"input": "Hello!"})
        times = []
        for _ in range(5):
            began = time.perf_counter()
            await ws.send(json.dumps({"input": "Hello!"}))
            await ws.recv()
            times.append(time.perf_counter() - began)
            await ws.recv()
            await ws.recv()
    assert min(times) < 0.1


async def test_ping_is_answered(url):
    async with connect(url) as ws:
        assert await (await ws.ping()) >= 0


async def test_requests_are_answered_in_order(url):
    async with connect(url) as ws:
        for number in range(40):  # more than are read ahead
            await ws.send(json.dumps({"input": "Hello!", "session_id": str(number)}))
        sessions = []
        async for message in ws:
            event = json.loads(message)
            if event["type"] == "session":
                sessions.append(event["session_id"])
            if len(sessions) == 40 and event["type"] == "result":
                break
    assert sessions == [str(number) for number in range(40)]


async def test_a_client_that_goes_away_frees_its_slot(endless):
    address = endless.root_url.replace("http", "ws", 1) + "/ws"
    with endless.client() as http:
        async with connect(address) as ws:
            await begin_endless(ws)
            assert active(http) == 1
        await until(lambda: not active(http))


async def test_a_client_that_sent_ahead_frees_its_slot_too(endless):
    address = endless.root_url.replace("http", "ws", 1) + "/ws"
    ws = await connect(address)
    for _ in range(50):
        await ws.send(json.dumps({"input": "Hello", "max_tokens": 30000, "temperature": 0}))
    with endless.client() as http:
        await until(lambda: active(http))
        ws.transport.abort()
        await until(lambda: not active(http))


async def test_a_client_that_sends_too_far_ahead(endless):
    address = endless.root_url.replace("http", "ws", 1) + "/ws"
    async with connect(address, close_timeout=0.1) as ws:
        await begin_endless(ws)
        with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012 - it may come at any send
            for _ in range(2000):
                await ws.send('{"input": "Hello"}')
            async for _ in ws:
                pass
            await ws.recv()
    assert closed.value.rcvd.code == 1008


async def test_a_client_that_never_reads_holds_up_nobody(endless):
    """Its events wait in the system's buffers, then the engine's mailbox; others are served."""
    host, port = endless.root_url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    key = base64.b64encode(bytes(16)).decode()
    writer.write(
        f"GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert b"101" in await reader.readline()
    reader._transport.pause_reading()
    request = json.dumps({"input": "Hello", "max_tokens": 30000, "stream": True}).encode()
    for _ in range(200):
        writer.write(b"\x81" + bytes([0x80 | len(request)]) + bytes(4) + request)
    await writer.drain()
    try:
        with endless.client() as http:
            await until(lambda: active(http))
            assert http.get("/health").status_code == 200
            body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
            assert http.post("/v1/chat/completions", json=body).status_code == 200
    finally:
        writer.transport.abort()
    with endless.client() as http:
        await until(lambda: not active(http))


async def test_a_message_that_is_too_large(start_legacy):
    server = start_legacy("--socket-message-size", "2000", "--socket-idle-seconds", "0.3")
    address = server.root_url.replace("http", "ws", 1) + "/ws"
    try:
        async with connect(address) as ws:
            await ws.send(json.dumps({"input": "a" * 3000}))
            with pytest.raises(ConnectionClosed) as closed:
                await ws.recv()
            assert closed.value.rcvd.code == 1009
        async with connect(address) as ws:
            with pytest.raises(ConnectionClosed) as closed:
                await ws.recv()
            assert closed.value.rcvd.code == 1001
    finally:
        server.stop()


async def test_memory_does_not_grow_with_the_requests(url, legacy):
    def resident() -> int:
        fields = Path(f"/proc/{legacy.process.pid}/statm").read_text().split()
        return int(fields[1]) * 4096

    async with connect(url) as ws:
        for _ in range(300):
            await ask(ws, {"input": "Hello!", "max_tokens": 1})
        before = resident()
        for _ in range(700):
            await ask(ws, {"input": "Hello!", "max_tokens": 1})
        assert resident() - before < 4 * 2**20
