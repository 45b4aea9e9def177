"""A stand-in for the hub: its list of a repository's files, and the files, over HTTP."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class StandIn:
    """What the hub has and how it behaves; tests change it, and read which requests came."""

    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    commit: str = COMMIT
    gated: set[str] = field(default_factory=set)
    bare: set[str] = field(default_factory=set)
    """Repositories whose lists have no more than names."""
    small: set[str] = field(default_factory=set)
    """Files that are not in LFS: git's own checksum stands in the list."""
    sizes: dict[str, int] = field(default_factory=dict)
    """What the list says of a file's size in place of the truth."""
    checksums: dict[str, str] = field(default_factory=dict)
    """What it says of its checksum."""
    cut_at: int | None = None
    """The next download breaks off after so many bytes."""
    hold_at: int | None = None
    """Downloads wait there until ``go_on`` is set."""
    go_on: threading.Event = field(default_factory=threading.Event)
    held: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Counts the downloads that have come there."""
    ranges_work: bool = True
    status: int | None = None
    """Everything is answered with this status."""
    answers: deque[tuple[int, dict[str, str]]] = field(default_factory=deque)
    """What the next downloads are answered with: statuses and headers."""
    elsewhere: str | None = None
    """Files are at this hub: downloads are led there."""
    requests: list[str] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    endpoint: str = ""

    def downloads(self) -> list[str]:
        """The names of the files that were asked for."""
        return [each.rpartition("/")[2] for each in self.requests if each.startswith("GET /o/")]


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
        path = unquote(self.path.partition("?")[0])
        self.hub.requests.append(f"{self.command} {path}")
        self.hub.tokens.append(self.headers.get("Authorization"))
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
        siblings = [self._sibling(repo, *file) for file in self.hub.repos[repo].items()]
        body = {"id": repo, "modelId": repo, "sha": self.hub.commit, "siblings": siblings}
        self._reply(200, json.dumps(body).encode())

    def _sibling(self, repo, name, content):
        if repo in self.hub.bare:
            return {"rfilename": name}
        size = self.hub.sizes.get(name, len(content))
        known = {"rfilename": name, "size": size, "blobId": self._git(content)}
        if name not in self.hub.small:
            checksum = self.hub.checksums.get(name, _sha256(content))
            known["lfs"] = {"size": size, "sha256": checksum, "pointerSize": 134}
        return known

    def _file(self, repo, name):
        if repo in self.hub.gated:
            self._reply(401, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": "restricted"})
            return
        content = self.hub.repos.get(repo, {}).get(name)
        if content is None:
            self._reply(404, b"{}", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            return
        if self.command == "GET":
            self.hub.ranges.append(self.headers.get("Range"))
            if self.hub.answers:
                status, headers = self.hub.answers.popleft()
                self._reply(status, b"", headers)
                return
            if self.hub.elsewhere:
                self._reply(302, b"", {"Location": self.hub.elsewhere + self.path})
                return
        self._content(name, content)

    def _content(self, name, content):
        etag = self._git(content) if name in self.hub.small else _sha256(content)
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": self.hub.commit, "Accept-Ranges": "bytes"}
        wanted = self.headers.get("Range")
        if not wanted or not self.hub.ranges_work:
            self._reply(200, content, headers)
            return
        start, _, end = wanted.removeprefix("bytes=").partition("-")
        start, end = int(start), min(int(end or len(content)), len(content) - 1)
        if start >= len(content):
            self._reply(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        self._reply(206, content[start : end + 1], headers)

    def _git(self, content):
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    def _reply(self, status, body, headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if "/resolve/" in self.path:
            body = self._disturbed(body)
        self.wfile.write(body)

    def _disturbed(self, body):
        """What is still to be written of a file's content."""
        if self.hub.cut_at is not None:
            body, self.hub.cut_at = body[: self.hub.cut_at], None
            self.close_connection = True
        if self.hub.hold_at is not None and len(body) > self.hub.hold_at:
            self.wfile.write(body[: self.hub.hold_at])
            body = body[self.hub.hold_at :]
            self.hub.held.release()
            self.hub.go_on.wait()
        return body


class _Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Clients that leave in the middle are what tests are about."""


@contextmanager
def running():
    """A running stand-in hub without repositories."""
    hub = StandIn()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        hub.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


def unused_endpoint():
    """The address of a hub that is down."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.server_close()
    return f"http://127.0.0.1:{server.server_port}"


def _sha256(content):
    return hashlib.sha256(content).hexdigest()
