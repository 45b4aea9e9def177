"""What a client may cost that sends nothing, half of something, too much, or takes nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from tests.running import start_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.running import RunningServer

_HOST = b"Host: localhost\r\n"
_ASK = {"prompt": "Once", "max_tokens": 3}
_STATES = ("running", "waiting")
_HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
) + _HOST
_MEMORY = 'colonnade_memory_bytes{engine="",kind="rss",model="",process="server"}'
_ENDLESS = {"prompt": "Once", "max_tokens": 30_000, "ignore_eos": True, "stream": True}


@pytest.fixture(scope="module")
def hasty() -> Iterator[RunningServer]:
    """A server that waits for nobody for more than a second, and whose loop is watched."""
    seconds = [f"--{what}-seconds=1" for what in ("head", "body", "send", "idle")]
    server = start_server(*seconds, "--slow-callback-ms=50", "--ctx-size=32768", "--slots=2")
    server.log.clear()  # of its start
    yield server
    assert server.stop() == 0


def opened(server: RunningServer) -> socket.socket:
    address = urlsplit(server.root_url)
    return socket.create_connection((address.hostname, address.port), timeout=20)


def rest(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def request(body: dict[str, Any], path: str = "/v1/completions") -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nContent-Length: {len(content)}\r\n".encode()
    return head + _HOST + b"\r\n" + content


def metric(server: RunningServer, name: str) -> float:
    with server.client() as http:
        lines = http.get("/metrics").text.splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + " "))


def _active(server: RunningServer) -> float:
    """Requests that run or wait."""
    names = [
        f'colonnade_num_requests_{each}{{engine="0",model="colonnade-demo"}}' for each in _STATES
    ]
    return sum(metric(server, name) for name in names)


def until(condition: Any, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"\r\n", b"HTTP/1.1 408 "),
        (b"GET /health HTTP/1.1\r\nHo", b"HTTP/1.1 408 "),
        (request(_ASK)[:-2], b"HTTP/1.1 408 "),
        (b"GET /health HTTP/1.1\r\n" + _HOST + b"\r\n", b"HTTP/1.1 200 "),
        (request(_ASK, "/nowhere")[:-2], b"HTTP/1.1 404 "),
    ],
    ids=["nothing", "a line", "half a head", "half a body", "no more", "half a refused body"],
)
def test_who_says_no_more_is_not_waited_for(
    hasty: RunningServer, sent: bytes, answer: bytes
) -> None:
    with opened(hasty) as connection:
        connection.sendall(sent)
        got = rest(connection)
    assert got.startswith(answer) if answer else not got
    assert got.count(b"HTTP/1.1 ") == bool(answer)


def test_a_body_that_comes_steadily_is_waited_for(hasty: RunningServer) -> None:
    sent = request(_ASK | {"user": "x" * 3000})
    with opened(hasty) as connection:
        for start in range(0, len(sent), 600):
            connection.sendall(sent[start : start + 600])
            time.sleep(0.3)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "head",
    [
        b"A: " + b"a" * 100_000_000,
        b"".join(b"a%d: b\r\n" % number for number in range(50_000)) + b"\r\n",
        b"A: b\r\n" * 201 + b"\r\n",
    ],
    ids=["a long one", "many", "more than a browser has"],
)
def test_large_heads_are_refused(hasty: RunningServer, head: bytes) -> None:
    with opened(hasty) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"GET /health HTTP/1.1\r\n" + _HOST + head)
        assert rest(connection).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("hosts", [b"", _HOST + _HOST], ids=["none", "two"])
def test_a_request_has_one_host(hasty: RunningServer, hosts: bytes) -> None:
    with opened(hasty) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\n" + hosts + b"\r\n")
        assert rest(connection).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET http://evil.example/sessions HTTP/1.1\r\n" + _HOST, b"421"),
        (b"GET http://evil.example/sessions HTTP/1.0\r\n", b"421"),
        (b"GET http://localhost@evil.example/sessions HTTP/1.1\r\n" + _HOST, b"421"),
        (b"GET http://localhost/sessions HTTP/1.1\r\nHost: evil.example\r\n", b"200"),
    ],
    ids=["another", "HTTP/1.0", "with a user", "as it should be"],
)
def test_a_target_that_is_a_whole_url_has_the_host(
    hasty: RunningServer, head: bytes, status: bytes
) -> None:
    with opened(hasty) as connection:
        connection.sendall(head + b"Connection: close\r\n\r\n")
        assert rest(connection).startswith(b"HTTP/1.1 " + status)


def test_trailers_are_no_headers(hasty: RunningServer) -> None:
    content = json.dumps(_ASK).encode()
    with opened(hasty) as connection:
        connection.sendall(
            b"POST /v1/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
            + _HOST
            + b"\r\n%x\r\n%b\r\n0\r\nHost: evil.example\r\n\r\n" % (len(content), content)
        )
        assert rest(connection).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("stream", [False, True])
def test_who_has_said_all_gets_its_answer(hasty: RunningServer, stream: bool) -> None:
    with opened(hasty) as connection:
        connection.sendall(request(_ASK | {"stream": stream, "max_tokens": 200}))
        connection.shutdown(socket.SHUT_WR)
        answer = rest(connection)
    assert b"HTTP/1.1 200 OK" in answer
    assert b'"finish_reason"' in answer
    assert answer.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n" if stream else b"}")


@pytest.mark.parametrize("stream", [False, True])
def test_who_is_gone_costs_no_slot(hasty: RunningServer, stream: bool) -> None:
    """It looks the same at first: only the answer to what is sent tells the two apart."""
    with opened(hasty) as connection:
        connection.sendall(request(_ENDLESS | {"stream": stream}))
        until(lambda: _active(hasty) == 1)
    until(lambda: _active(hasty) == 0, 5)


def test_who_is_gone_with_more_to_ask_costs_no_slot(hasty: RunningServer) -> None:
    with opened(hasty) as connection:
        connection.sendall(request(_ENDLESS | {"stream": False}))
        until(lambda: _active(hasty) == 1)
        connection.sendall(request(_ASK) * 3)
    until(lambda: _active(hasty) == 0, 5)


def _taken(connection: socket.socket, sent: bytes, seconds: float) -> int:
    """Bytes of the same over and over that a server takes within so long."""
    connection.settimeout(0.2)
    taken, end = 0, time.monotonic() + seconds
    with contextlib.suppress(TimeoutError):
        while time.monotonic() < end:
            taken += connection.send(sent)
    return taken


def test_requests_beyond_those_ahead_wait_with_the_client(hasty: RunningServer) -> None:
    before = metric(hasty, _MEMORY)
    with opened(hasty) as connection:
        connection.sendall(request(_ENDLESS))
        until(lambda: _active(hasty) == 1)
        assert _taken(connection, request(_ASK) * 1000, 2) < 30e6
        assert metric(hasty, _MEMORY) - before < 30e6
    until(lambda: _active(hasty) == 0)


async def test_frames_that_are_not_parsed_wait_with_the_client(hasty: RunningServer) -> None:
    pongs = Frame(Opcode.PONG, b"").serialize(mask=True) * 10_000
    before = metric(hasty, _MEMORY)
    async with connect(hasty.root_url.replace("http", "ws") + "/ws") as socket_:
        with socket_.transport.get_extra_info("socket").dup() as connection:
            await asyncio.to_thread(_taken, connection, pongs, 1)
            assert metric(hasty, _MEMORY) - before < 30e6


def test_who_takes_nothing_loses_its_slot(hasty: RunningServer) -> None:
    cut_off = 'colonnade_connections_cut_off_total{cause="slow_reader"}'
    before = metric(hasty, cut_off)
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(socket.socket())
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        address = urlsplit(hasty.root_url)
        connection.connect((address.hostname, address.port))
        connection.sendall(request(_ENDLESS | {"logprobs": 5}))
        until(lambda: metric(hasty, cut_off) > before, 30)
        until(lambda: _active(hasty) == 0, 5)


def test_large_answers_are_not_kept_for_those_who_take_nothing(hasty: RunningServer) -> None:
    """The script of the documentation's page is 1.6 MB."""
    before = metric(hasty, _MEMORY)
    head = b"GET /docs/swagger-bundle.js HTTP/1.1\r\n" + _HOST + b"\r\n"
    address = urlsplit(hasty.root_url)
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((address.hostname, address.port))
            connection.sendall(head)
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert metric(hasty, _MEMORY) - before < 30e6


def test_many_requests_at_once_hold_up_nobody(hasty: RunningServer) -> None:
    one = b"GET /health HTTP/1.1\r\n" + _HOST
    with opened(hasty) as connection:
        connection.sendall((one + b"\r\n") * 2000 + one + b"Connection: close\r\n\r\n")
        assert rest(connection).count(b"HTTP/1.1 200 OK") == 2001


@pytest.mark.parametrize(
    "more",
    [b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"X: y\r\n" * 150],
    ids=["a body", "chunks", "many headers"],
)
def test_a_handshake_that_the_library_drops_is_refused(hasty: RunningServer, more: bytes) -> None:
    """Left open, it would also keep the server from ending in an orderly way."""
    with opened(hasty) as connection:
        connection.sendall(_HANDSHAKE + more + b"\r\n" + b"0\r\n\r\n")
        assert rest(connection).startswith(b"HTTP/1.1 400 ")


async def test_half_a_message_on_a_socket(hasty: RunningServer) -> None:
    async with connect(hasty.root_url.replace("http", "ws", 1) + "/ws") as ws:
        ws.protocol.send_text(b'{"input": ', fin=False)
        ws.transport.write(b"".join(ws.protocol.data_to_send()))
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(ws.recv(), 20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


@pytest.mark.parametrize("empty", [Opcode.CONT, Opcode.PING])
async def test_frames_of_nothing(hasty: RunningServer, empty: Opcode) -> None:
    """100,000 fragments end the connection, as many pings are answered; others have their turn."""
    async with connect(hasty.root_url.replace("http", "ws", 1) + "/ws") as ws:
        frames = Frame(Opcode.TEXT, b"", fin=False).serialize(mask=True)
        frames += Frame(empty, b"", fin=empty is Opcode.PING).serialize(mask=True) * 100_000
        ws.transport.write(frames)
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(ws.recv(), 20)
    assert closed.value.rcvd is None or closed.value.rcvd.code == 1008


def test_nothing_of_this_held_the_loop(hasty: RunningServer) -> None:
    """But its start, which no client sees, of which the last line comes later."""
    slow = [line for line in hasty.log if "held the event loop" in line and "computing" in line]
    assert [line for line in slow if "cli/serve.py" not in line] == []


@pytest.fixture(scope="module")
def narrow() -> Iterator[RunningServer]:
    """A server with few places, whose soft limit of open files is low."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard[1]))
    try:
        server = start_server("--ctx-size=32768", "--max-connections=20", "--slots=2")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, hard)
    yield server
    assert server.stop() == 0


def test_the_limit_of_files_is_raised(narrow: RunningServer) -> None:
    assert metric(narrow, "process_max_fds") > 100


def test_who_waits_for_its_client_makes_room(narrow: RunningServer) -> None:
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(opened(narrow)) for _ in range(60)]
        with narrow.client() as http:
            assert http.get("/health").status_code == 200
            assert http.post("/v1/completions", json=_ASK).status_code == 200
        assert rest(idle[0]) == b""


def test_when_all_are_at_work_probes_are_served(narrow: RunningServer) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            busy = stack.enter_context(opened(narrow))
            busy.sendall(request(_ENDLESS))
        until(lambda: _active(narrow) == 20)
        idle = [stack.enter_context(opened(narrow)) for _ in range(40)]
        with narrow.client() as http:
            assert http.get("/health").status_code == 200
            assert http.get("/ready").status_code == 200
            refused = http.post("/v1/completions", json=_ASK)
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "too_many_connections"
        assert refused.headers["retry-after"] == "1"
        assert len(idle) == 40
    with narrow.client() as http:
        until(lambda: http.post("/v1/completions", json=_ASK).status_code == 200)
