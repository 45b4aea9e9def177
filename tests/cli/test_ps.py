"""``colonnade ps`` against what servers may answer; a real one is asked in ``tests/ops``."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

METRICS = """\
colonnade_num_requests_running{engine="0",model="a"} 2
colonnade_num_requests_running{engine="1",model="a"} 1
colonnade_num_requests_waiting{engine="0",model="a"} 5
colonnade_memory_bytes{engine="0",kind="rss",model="a",process="worker"} 3e9
colonnade_memory_bytes{engine="0",kind="pss",model="a",process="worker"} 1e9
"""
SLOTS = [{"id": number, "model": "a", "n_ctx": 8192} for number in range(4)]
MODELS = [
    {"id": "a", "state": "loaded", "expires_in": 241.5},
    {"id": "a:poet", "state": "loaded", "parent": "a"},
    {"id": "b\x1b[2J", "state": "loading"},
    {"id": "c", "state": "available"},
    {"id": "d", "state": "failed"},
]


@contextmanager
def _server(answers):
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def do_GET(self):
            body = answers.get(self.path, b"")
            self.send_response(200 if self.path in answers else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def answers():
    return {
        "/v1/models": json.dumps({"data": MODELS}).encode(),
        "/slots": json.dumps(SLOTS).encode(),
        "/metrics": METRICS.encode(),
    }


def test_all_states(colonnade, answers):
    with _server(answers) as url:
        done = colonnade("ps", "--url", url)
        _, first, second = done.stdout.splitlines()
        found = json.loads(colonnade("ps", "--url", url, "--json").stdout)
    assert first.split() == ["a", "loaded", "2.79", "GiB", "8,192", "x", "4", "3", "5", "4", "min"]
    assert second.split() == ["b\\x1b[2J", "loading", "0", "0"]
    assert [each["model"] for each in found] == ["a", "b\\x1b[2J"]
    assert (found[0]["expires_in"], found[1]["expires_in"]) == (241.5, None)


def test_the_settings_port(colonnade, answers, tmp_path):
    with _server(answers) as url:
        port = url.rpartition(":")[2]
        (tmp_path / "colonnade.toml").write_text(f"[server]\nport = {port}\n")
        assert "8,192 x 4" in colonnade("ps").stdout
        assert "8,192 x 4" in colonnade("ps", COLONNADE_PORT=port).stdout


@pytest.mark.parametrize(
    ("path", "answer"),
    [("/v1/models", b"[]"), ("/v1/models", b"no JSON"), ("/slots", None), ("/metrics", b"a x")],
)
def test_foreign_servers(colonnade, answers, path, answer):
    if answer is None:
        del answers[path]
    else:
        answers[path] = answer
    with _server(answers) as url:
        done = colonnade("ps", "--url", url)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "does not answer as a Colonnade" in done.stderr or "cannot be read" in done.stderr
