"""Ctrl-C and SIGTERM, at every time."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
import time
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.cli.conftest import end
from tests.running import start_server

STOPS = [signal.SIGINT, signal.SIGTERM]

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


class Streaming:
    """A request whose answer comes as a stream, read in a thread."""

    def __init__(self, server, tokens):
        self.pieces = []
        self.error = None
        self.began = threading.Event()
        self._url = f"{server.base_url}/completions"
        body = {"model": "", "prompt": "Once", "stream": True}
        self._body = body | {"max_tokens": tokens, "ignore_eos": True}
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        assert self.began.wait(60)

    def _read(self):
        try:
            with httpx.stream("POST", self._url, json=self._body, timeout=60) as response:
                for line in response.iter_lines():
                    if line.startswith("data: "):
                        self.pieces.append(line.removeprefix("data: "))
                        self.began.set()
        except httpx.HTTPError as error:
            self.error = error
        self.began.set()

    def end(self):
        self._thread.join(60)
        return self.pieces


@pytest.fixture
def serve(environ, model, gone):
    """Starts a server on a model with room for long answers; sees to its worker's end."""
    running = []

    def start(*arguments):
        flags = ("--ctx-size", "16384", "--slots", "1", "--threads", "1")
        running.append(start_server(str(model), *flags, *arguments, env=environ))
        return running[-1]

    yield start
    for each in running:
        each.stop()
    gone(model)


def _wait_for(server, text):
    deadline = threading.Event()
    for _ in range(3000):
        if any(text in line for line in list(server.log)):
            return
        deadline.wait(0.02)
    pytest.fail(f"{text!r} was not said: {server.log}")


@pytest.mark.parametrize("stop", STOPS)
class TestServing:
    def test_idle(self, serve, stop):
        server = serve()
        server.process.send_signal(stop)
        assert server.process.wait(30) == 0
        _wait_for(server, "Stopped.")
        assert "Traceback" not in "".join(server.log)

    def test_answer_under_way_is_finished(self, serve, stop):
        server = serve()
        stream = Streaming(server, 500)
        server.process.send_signal(stop)
        pieces = stream.end()
        assert pieces[-1] == "[DONE]"
        last = [json.loads(piece) for piece in pieces[:-1]][-1]
        assert last["choices"][0]["finish_reason"] == "length"
        assert server.process.wait(30) == 0

    def test_twice_ends_at_once(self, serve, stop):
        server = serve()
        stream = Streaming(server, 16000)
        server.process.send_signal(stop)
        _wait_for(server, "Stopping")
        server.process.send_signal(stop)
        assert server.process.wait(30) == 128 + stop
        assert stream.end()[-1] != "[DONE]"
        assert "Traceback" not in "".join(server.log)


def test_patience_has_an_end(serve):
    server = serve("--shutdown-seconds", "0")
    stream = Streaming(server, 16000)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0
    assert json.loads(stream.end()[-1])["error"]["code"] == "shutting_down"
    assert "Traceback" not in "".join(server.log)


@pytest.mark.parametrize(("sent", "status"), [(b"GET / HT", None), (b"{", 503)])
def test_half_a_request_holds_up_nobody(serve, sent, status):
    server = serve()
    address = urlsplit(server.root_url)
    head = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=20) as client:
        client.sendall(sent if status is None else head + sent)
        time.sleep(0.2)  # until it has read that
        server.process.send_signal(signal.SIGTERM)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 %d " % status if status else b"")
    assert (b"shutting_down" in answer) == (status is not None)
    assert server.process.wait(10) == 0


@contextlib.contextmanager
def talking(server, tokens):
    """A client of the WebSocket that asks two things at once, and one that says nothing."""
    url = server.root_url.replace("http", "ws", 1) + "/ws"
    with connect(url) as silent, connect(url) as busy:
        request = {"input": "Hello!", "max_tokens": tokens, "temperature": 0, "stream": True}
        for _ in range(2):
            busy.send(json.dumps(request))
        while json.loads(busy.recv(60))["type"] != "delta":
            pass
        yield silent, busy


def _rest(connection):
    """The types of the last events, with the errors' words; and the close code."""
    events = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            events.append(json.loads(connection.recv(60)))
    kinds = [each.get("error", each["type"]) for each in events]
    return [each for each in kinds if each != "delta"], connection.close_code


def test_answers_on_sockets_are_finished(serve):
    server = serve()
    with talking(server, 300) as (silent, busy):
        server.process.send_signal(signal.SIGTERM)
        assert _rest(silent) == ([], 1012)
        assert _rest(busy) == (["result", "The server is stopping."], 1012)
    assert server.process.wait(30) == 0
    assert "Traceback" not in "".join(server.log)


def test_answers_on_sockets_that_take_too_long_are_told(serve):
    server = serve("--shutdown-seconds", "0")
    with talking(server, 16000) as (_, busy):
        server.process.send_signal(signal.SIGTERM)
        events, code = _rest(busy)
    assert code == 1012
    assert events == ["The server is shutting down.", "The server is stopping."]
    assert server.process.wait(30) == 0


def test_while_downloading(terminal, environ):
    """A hub that takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environ["HF_ENDPOINT"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        child = terminal("chat", "hf:owner/repo")
        connection, _ = silent.accept()
        with connection:
            child.sendintr()
            code, rest = end(child)
    assert code == 130
    assert "Stopped." in rest
    assert "Traceback" not in rest


@pytest.mark.parametrize(
    ("command", "stop"),
    [
        ("serve", signal.SIGINT),
        ("serve", signal.SIGTERM),
        ("check", signal.SIGINT),
        ("chat", signal.SIGINT),
    ],
)
def test_while_loading(terminal, gone, model, command, stop):
    flags = ["--port", "0"] if command == "serve" else []
    child = terminal(command, model, *flags)
    child.expect("Loading")
    child.kill(stop)
    code, rest = end(child)
    assert code == 128 + stop
    assert "Stopped." in rest
    assert "Traceback" not in rest
    gone(model)


def test_in_a_terminal(terminal, gone, model):
    child = terminal("serve", model, "--port", "0")
    child.expect("Loading llama.gguf .*%")
    child.expect("Listening on +(http://127.0.0.1:[0-9]+)")
    url = child.match[1]
    child.expect("Ctrl-C stops the server.")
    assert httpx.get(f"{url}/v1/models").status_code == 200
    child.sendintr()
    code, rest = end(child)
    assert code == 0
    assert "Stopped." in rest
    assert "Traceback" not in rest
    gone(model)
