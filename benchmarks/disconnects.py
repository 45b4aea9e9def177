"""Clients that go away at random, at every door: what is left of them?

    python -m benchmarks.disconnects [--clients 2000] [--at-once 24]

Each sends a request, some of them only a part of it, takes some of the answer or nothing, and
goes: with FIN, or with a reset. Afterwards the server must be as it was: no request that runs or
waits, no task, no descriptor more than before, and no callback of its event loop that took over 50
ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import socket
import struct
import sys
import time
import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
from websockets.frames import Frame, Opcode

from benchmarks.processes import child, output_of, port_in
from benchmarks.watched import WATCHED, numbers, slow_callbacks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SERVER = ("serve", "demo", "--port", "0", *WATCHED)
_LONGEST = 0.5
"""Seconds until a client goes, at most."""
_PATIENCE = 60.0
"""Seconds within which the server is as it was."""
_MESSAGES = [{"role": "user", "content": "Tell me everything."}]
_LONG = {"max_tokens": 1500, "ignore_eos": True}


class State(NamedTuple):
    """What a server holds."""

    requests: float
    """That run or wait."""
    tasks: dict[str, float]
    """By what they run."""
    connections: float
    descriptors: int
    slow: float
    """Callbacks that held the event loop for too long so far, by their own work."""


@dataclass(frozen=True, slots=True)
class Left:
    """What was found."""

    before: State
    after: State
    seconds: float
    """Until the server was as it was."""
    doors: Counter[str]

    @property
    def nothing(self) -> bool:
        """Whether nothing is left."""
        now, then = self.after, self.before
        fewer = (
            now.requests <= then.requests,
            all(count <= then.tasks.get(name, 0) for name, count in now.tasks.items()),
            now.connections <= then.connections,
            now.descriptors <= then.descriptors,
            now.slow <= then.slow,
        )
        return all(fewer)


class SomethingLeftError(Exception):
    """A server is not as it was. The end of its log is shown."""

    def __init__(self, left: Left) -> None:
        super().__init__(str(left))
        self.left = left


def _post(path: str, body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def _get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def _websocket() -> bytes:
    head = (
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    return head.encode()


def _execution() -> bytes:
    request = json.dumps({"input": "Hello!", "max_tokens": 1500, "stream": True}).encode()
    return Frame(Opcode.TEXT, request).serialize(mask=True)


_DOORS: dict[str, Callable[[], bytes]] = {
    "chat": lambda: _post("/v1/chat/completions", {"messages": _MESSAGES, **_LONG}),
    "chat stream": lambda: _post(
        "/v1/chat/completions", {"messages": _MESSAGES, "stream": True, "n": 2, **_LONG}
    ),
    "chat in a form": lambda: _post(
        "/v1/chat/completions",
        {"messages": _MESSAGES, "stream": True, "response_format": {"type": "json_object"}},
    ),
    "completions": lambda: _post("/v1/completions", {"prompt": "Once", "stream": True, **_LONG}),
    "Gemma": lambda: _post("/v1/execute", {"input": "Hello!", "max_tokens": 1500}),
    "Gemma socket": _websocket,
    "LLaMA chat": lambda: _post("/chat", {"message": "Hello!", "max_tokens": 1500}),
    "LLaMA chat stream": lambda: _post("/chat/stream", {"message": "Hello!", "max_tokens": 1500}),
    "queued": lambda: _get(f"/api/v1/chat/stream/{uuid.uuid4()}"),
}


async def leave(clients: int, at_once: int) -> Left:
    """Have so many clients come and go, and see what is left."""
    with TemporaryDirectory() as directory:
        sessions = ("--session-database", f"sqlite:///{directory}/sessions.sqlite")
        with child([sys.executable, "-m", "colonnade", *_SERVER, *sessions]) as process:
            port = await asyncio.to_thread(port_in, output_of(process))
            left = await _leave(process.pid, port, clients, at_once)
            if not left.nothing:
                raise SomethingLeftError(left)
            return left


async def _leave(pid: int, port: int, clients: int, at_once: int) -> Left:
    async with httpx.AsyncClient(base_url=f"http://localhost:{port}", timeout=60) as http:
        await _warm(port)
        before = await _state(http, pid)
        doors: Counter[str] = Counter()
        places = asyncio.Semaphore(at_once)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(clients):
                await places.acquire()
                door = random.choice(list(_DOORS))
                doors[door] += 1
                task = tasks.create_task(_come_and_go(port, door))
                task.add_done_callback(lambda _: places.release())
        began = time.monotonic()
        while True:
            after = await _state(http, pid)
            left = Left(before, after, time.monotonic() - began, doors)
            if left.nothing or left.seconds > _PATIENCE:
                return left
            await asyncio.sleep(0.2)


async def _warm(port: int) -> None:
    """Once at each door, for what a server makes at the first request and keeps."""
    async with asyncio.TaskGroup() as tasks:
        for door in _DOORS:
            tasks.create_task(_visit(port, door, part=1.0, stay=1.0, reset=False))
    await asyncio.sleep(1)


async def _come_and_go(port: int, door: str) -> None:
    part = 1.0 if random.random() < 0.8 else random.random()
    stay = random.uniform(0, _LONGEST)
    with suppress(ConnectionError):
        await _visit(port, door, part=part, stay=stay, reset=random.random() < 0.5)


async def _visit(
    port: int,
    door: str,
    *,
    part: float,
    stay: float,
    reset: bool,
) -> None:
    """Send a part of a request, and go after a while."""
    request = _DOORS[door]()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request[: max(1, int(len(request) * part))])
        with suppress(TimeoutError):
            async with asyncio.timeout(stay):
                await reader.read(100)
                await _go_on(door, request, writer, port)
                while await reader.read(random.choice((1, 100, 65536))):
                    pass
    finally:
        if reset:
            linger = struct.pack("ii", 1, 0)
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.close()


async def _go_on(door: str, request: bytes, writer: asyncio.StreamWriter, port: int) -> None:
    """What a client says on a connection that stays."""
    if door == "Gemma socket":
        writer.write(_execution())
    elif door == "queued" and (found := re.search(rb"stream/([0-9a-f-]+) ", request)):
        body = {"prompt": "Tell me everything.", "client_id": found[1].decode()}
        _, submitting = await asyncio.open_connection("127.0.0.1", port)
        submitting.write(_post("/api/v1/chat/submit", body))
        submitting.close()


async def _state(http: httpx.AsyncClient, pid: int) -> State:
    text = (await http.get("/metrics")).text
    values = numbers(text)

    def total(prefix: str) -> float:
        return sum(value for name, value in values.items() if name.startswith(prefix))

    return State(
        total("colonnade_num_requests_running") + total("colonnade_num_requests_waiting"),
        {name: count for name, count in values.items() if "_event_loop_tasks{" in name},
        values["colonnade_connections"],
        sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),  # noqa: ASYNC240 - no file is waited for
        slow_callbacks(text),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is left; returns 1 where it is anything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clients", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=24)
    given = parser.parse_args(arguments)
    code = 0
    try:
        left = asyncio.run(leave(given.clients, given.at_once))
    except SomethingLeftError as error:
        left, code = error.left, 1
    print(f"{given.clients} clients: " + ", ".join(f"{n} {d}" for d, n in left.doors.items()))
    print(f"before: {left.before}")
    print(f"{left.seconds:.1f} s after: {left.after}")
    return code


if __name__ == "__main__":
    sys.exit(main())
