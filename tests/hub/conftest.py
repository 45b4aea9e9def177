"""A stand-in for the hub: the parts of its HTTP interface that huggingface_hub needs."""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class StandIn:
    """What the hub has and how it behaves; tests change it, and read which requests came."""

    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    cut_at: int | None = None
    """The next download breaks off after so many bytes."""
    status: int | None = None
    """Everything is answered with this status."""
    requests: list[str] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    endpoint: str = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: StandIn

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self._handle()

    def do_GET(self):
        self._handle()

    def _handle(self):
        path = self.path.partition("?")[0]
        self.hub.requests.append(f"{self.command} {path}")
        if self.hub.status:
            self._reply(self.hub.status, b"{}")
        elif path.startswith("/api/models/"):
            self._model_info(path.removeprefix("/api/models/"))
        else:
            repo, _, rest = path[1:].partition("/resolve/")
            self._file(repo, rest.partition("/")[2])

    def _model_info(self, repo):
        if repo not in self.hub.repos:
            # The real hub hides what is private: nothing is there for those without a token.
            self._reply(401, b"{}", {"X-Error-Code": "RepoNotFound"})
            return
        siblings = [{"rfilename": name} for name in self.hub.repos[repo]]
        body = {"id": repo, "modelId": repo, "sha": COMMIT, "private": False, "siblings": siblings}
        self._reply(200, json.dumps(body).encode())

    def _file(self, repo, name):
        if repo in self.hub.gated:
            self._reply(401, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": "restricted"})
            return
        content = self.hub.repos.get(repo, {}).get(name)
        if content is None:
            self._reply(404, b"{}", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            return
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": COMMIT,
            "Accept-Ranges": "bytes",
        }
        wanted = self.headers.get("Range")
        if self.command == "GET":
            self.hub.ranges.append(wanted)
        if wanted:
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self._reply(206, content[start:], headers)
        else:
            self._reply(200, content, headers)

    def _reply(self, status, body, headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.hub.cut_at is not None and "/resolve/" in self.path:
            body, self.hub.cut_at = body[: self.hub.cut_at], None
            self.close_connection = True
        self.wfile.write(body)


@pytest.fixture
def stand_in():
    """A running stand-in hub without repositories."""
    hub = StandIn()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def gone():
    """The address of a hub that is down."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.server_close()
    return f"http://127.0.0.1:{server.server_port}"
