"""Files fetched over HTTP from a real server: what is listed and public, and nothing else.

The server of the tests is on loopback, which is never asked; so the tests look names up themselves,
and let through the addresses that they mean.
"""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from colonnade.web import fetch
from colonnade.web.fetch import Fetcher, FetchError, ListedHosts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOOPBACK, OTHER = ip_address("127.0.0.1"), ip_address("127.0.0.2")
FILE = bytes(range(256)) * 40


class Handler(BaseHTTPRequestHandler):
    """Answers by the path."""

    def do_GET(self) -> None:
        self.server.asked.append((self.headers["host"], self.path))
        kind, _, rest = self.path.strip("/").partition("/")
        match kind:
            case "to":
                self.send_response(302)
                self.send_header("Location", rest)
                self.end_headers()
            case "round":
                self.send_response(307)
                self.send_header("Location", "/round")
                self.end_headers()
            case "status":
                self.send_response(int(rest))
                self.end_headers()
            case "packed":
                self.send_response(200)
                self.send_header("Content-Encoding", "gzip")
                self.end_headers()
            case "endless":
                self.send_response(200)
                self.end_headers()
                while True:
                    try:
                        self.wfile.write(FILE)
                    except OSError:
                        return
            case "silent":
                self.server.waits.wait(20)
            case "broken":
                self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
            case _:
                self.send_response(200)
                self.send_header("Content-Length", str(len(self.server.file)))
                self.end_headers()
                self.wfile.write(self.server.file)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    def __init__(self, address: str = "127.0.0.1") -> None:
        super().__init__((address, 0), Handler)
        self.file = FILE
        self.asked: list[tuple[str, str]] = []
        self.waits = threading.Event()

    @property
    def port(self) -> int:
        return self.server_address[1]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield running
        running.waits.set()
        running.shutdown()
        thread.join()


def fetcher(
    *hosts: str, names: dict[str, list[Any]] | None = None, allowed: Any = (LOOPBACK,)
) -> Fetcher:
    known = {"pictures.test": [LOOPBACK], "other.test": [OTHER], **(names or {})}

    async def resolve(host: str, _: int) -> list[Any]:
        return known.get(host, [])

    return Fetcher(ListedHosts(hosts), resolve=resolve, allowed=lambda each: each in allowed)


async def refused(by: Fetcher, url: str, words: str, *, allowed: bool = False) -> None:
    with pytest.raises(FetchError, match=words) as failed:
        await by.fetch(url, 1 << 20)
    assert failed.value.allowed is allowed


async def test_a_file_comes_as_it_is_and_its_host_is_told_its_own_name(server: Server) -> None:
    host = f"pictures.test:{server.port}"
    assert await fetcher(host).fetch(f"http://{host}/a.png?b=c d", 1 << 20) == FILE
    assert server.asked == [(host, "/a.png?b=c%20d")]


async def test_a_redirection_is_followed_and_looked_at_like_the_first(server: Server) -> None:
    host = f"pictures.test:{server.port}"
    assert await fetcher(host).fetch(f"http://{host}/to//a.png", 1 << 20) == FILE
    await refused(fetcher(host), f"http://{host}/to/http://other.test/x", "other.test.* not listed")
    both = fetcher(host, f"other.test:{server.port}")
    await refused(both, f"http://{host}/to/http://other.test:{server.port}/x", "not a public one")
    await refused(both, f"http://{host}/to/file:///etc/passwd", "no URL of http")
    await refused(both, f"http://{host}/round", "more than 3 times", allowed=True)
    assert {path for _, path in server.asked if "passwd" not in path} >= {"/round", "/a.png"}


async def test_by_itself_no_host_is_asked() -> None:
    await refused(Fetcher(ListedHosts()), "http://example.com/", "--media-hosts, where none is")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.com/a.png", "not listed in --media-hosts"),
        ("http://pictures.test.evil.com/a.png", "not listed"),
        ("http://pictures.test:81/a.png", "not listed"),
        ("http://pictures.test@example.com/a.png", "a name or a password"),
        ("http://user:pw@pictures.test/a.png", "a name or a password"),
        ("http://127.0.0.1/a.png", "not listed"),
        ("http://[::1]/a.png", "not listed"),
        ("ftp://pictures.test/a.png", "no URL of http"),
        ("http:///a.png", "no URL of http"),
        ("file:///etc/passwd", "no URL of http"),
    ],
)
async def test_what_is_not_listed_is_not_asked(url: str, words: str) -> None:
    await refused(fetcher("pictures.test"), url, words)


@pytest.mark.parametrize(
    "url",
    ["http://[::1/", "http://a..\u0000b/", f"http://pictures.test/{'x' * 9000}", "http://a:99999/"],
)
async def test_what_is_no_url_is_told_so(url: str) -> None:
    with pytest.raises(FetchError):
        await fetcher("*").fetch(url, 1 << 20)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://[fe80::1]/",
    ],
)
async def test_nobody_asks_a_private_address_even_where_every_host_is_listed(url: str) -> None:
    """With the names of this machine's own resolver."""
    await refused(Fetcher(ListedHosts(["*"])), url, "not a public one")


async def test_a_name_with_one_address_that_is_not_public_is_not_asked(server: Server) -> None:
    host = f"pictures.test:{server.port}"
    by = fetcher(host, names={"pictures.test": [LOOPBACK, OTHER]})
    await refused(by, f"http://{host}/a.png", "not a public one")
    assert not server.asked


async def test_what_was_looked_at_is_what_is_connected_to(server: Server) -> None:
    """A name whose address is another one at the second look."""
    host = f"pictures.test:{server.port}"
    looks = iter([[LOOPBACK], [OTHER]])

    async def resolve(*_: Any) -> list[Any]:
        return next(looks)

    by = Fetcher(ListedHosts([host]), resolve=resolve, allowed=lambda each: each == LOOPBACK)
    assert await by.fetch(f"http://{host}/a.png", 1 << 20) == FILE
    await refused(by, f"http://{host}/a.png", "not a public one")


async def test_the_next_address_is_tried_where_one_does_not_answer(server: Server) -> None:
    host = f"pictures.test:{server.port}"
    by = fetcher(host, names={"pictures.test": [OTHER, LOOPBACK]}, allowed=(LOOPBACK, OTHER))
    assert await by.fetch(f"http://{host}/a.png", 1 << 20) == FILE


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("status/404", "its host answered 404"),
        ("status/204", "its host answered 204"),
        ("packed", "its host packs it"),
        ("endless", "more bytes than are taken"),
        ("broken", "cannot be fetched"),
    ],
)
async def test_what_does_not_come_is_told(server: Server, path: str, words: str) -> None:
    host = f"pictures.test:{server.port}"
    await refused(fetcher(host), f"http://{host}/{path}", words, allowed=True)


async def test_a_name_that_is_not_found_and_a_port_that_is_closed_are_told() -> None:
    await refused(fetcher("no.test"), "http://no.test/", "is not found", allowed=True)
    by = fetcher("pictures.test:1")
    await refused(by, "http://pictures.test:1/", "cannot be connected to", allowed=True)


async def test_a_silent_host_is_not_waited_for_for_long(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "SECONDS", 0.3)
    host = f"pictures.test:{server.port}"
    began = time.monotonic()
    await refused(fetcher(host), f"http://{host}/silent", "within 0.3 seconds", allowed=True)
    assert time.monotonic() - began < 5


async def test_no_proxy_of_the_environment_is_asked(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    host = f"pictures.test:{server.port}"
    assert await fetcher(host).fetch(f"http://{host}/a.png", 1 << 20) == FILE


@pytest.mark.parametrize(
    ("listed", "host", "port", "allows"),
    [
        ("a.test", "a.test", 80, True),
        ("A.Test.", "a.test", 80, True),
        ("a.test", "b.a.test", 80, False),
        ("*.a.test", "b.a.test", 80, True),
        ("*.a.test", "c.b.a.test", 80, True),
        ("*.a.test", "a.test", 80, False),
        ("*.a.test", "ba.test", 80, False),
        ("a.test:8080", "a.test", 8080, True),
        ("a.test:8080", "a.test", 80, False),
        ("*", "a.test", 80, True),
        ("*", "a.test", 8080, False),
    ],
)
def test_names(listed: str, host: str, port: int, allows: bool) -> None:
    assert ListedHosts([listed]).allows(host, port, 80) is allows


@pytest.mark.parametrize("name", ["", "http://a.test", "a.test/x", "a b", "*.", "a.*.b", "*a.test"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="no host that files are fetched from"):
        ListedHosts([name])


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
async def test_a_certificate_is_that_of_the_name_and_not_of_the_address(
    server: Server, tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-keyout", key, "-out", certificate, "-subj", "/CN=pictures.test"]
    command += ["-addext", "subjectAltName=DNS:pictures.test"]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    trusting = ssl.create_default_context(cafile=str(certificate))
    port = server.port
    by = fetcher(f"pictures.test:{port}", f"other.test:{port}", names={"other.test": [LOOPBACK]})
    by._tls = trusting
    assert await by.fetch(f"https://pictures.test:{port}/a.png", 1 << 20) == FILE
    await refused(by, f"https://other.test:{port}/a.png", "cannot be connected", allowed=True)
    await refused(
        by, f"https://pictures.test:{port}/to/http://pictures.test:{port}/", "https: to http:"
    )
