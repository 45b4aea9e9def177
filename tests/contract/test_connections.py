"""What a client may do to a connection, over bare sockets: HTTP/1.0, waiting, haste, nonsense."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.running import RunningServer

CHAT = "/v1/chat/completions"
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 3}


@pytest.fixture
def talk(server: RunningServer) -> Callable[[bytes], bytes]:
    """Send bytes; returns all that comes until the server closes the connection."""
    address = urlsplit(server.root_url)

    def talk(sent: bytes) -> bytes:
        with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
            try:
                connection.sendall(sent)
                return b"".join(iter(lambda: connection.recv(65536), b""))
            except ConnectionError:  # it closed while we were sending
                return b""

    return talk


def request(body: dict[str, Any], *headers: str, version: str = "1.1") -> bytes:
    content = json.dumps(body).encode()
    lines = [
        f"POST {CHAT} HTTP/{version}",
        "Host: [::1]",
        f"Content-Length: {len(content)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content


def parted(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer that is the only one."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body


def check_refusal(answer: bytes, status: int) -> None:
    code, headers, body = parted(answer)
    assert code == status
    assert headers["connection"] == "close"
    assert int(headers["content-length"]) == len(body)
    assert json.loads(body)["error"]["type"] == "invalid_request_error"


def test_a_stream_over_http_1_0_ends_with_the_connection(talk: Callable[[bytes], bytes]) -> None:
    """That version has no chunks: their lengths would be taken for text."""
    status, headers, body = parted(talk(request(ASK | {"stream": True}, version="1.0")))
    assert status == 200
    assert "transfer-encoding" not in headers
    assert "content-length" not in headers
    assert headers["connection"] == "close"
    lines = [line for line in body.decode().split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"


@pytest.mark.parametrize("header", ["Connection: keep-alive", "Connection: close", "Accept: */*"])
def test_http_1_0_is_one_answer_a_connection(talk: Callable[[bytes], bytes], header: str) -> None:
    status, headers, body = parted(talk(request(ASK, header, version="1.0")))
    assert status == 200
    assert headers["connection"] == "close"
    assert int(headers["content-length"]) == len(body)
    assert json.loads(body)["choices"]


def test_http_1_0_is_not_told_to_continue(talk: Callable[[bytes], bytes]) -> None:
    assert parted(talk(request(ASK, "Expect: 100-continue", version="1.0")))[0] == 200


def test_who_expects_it_is_told_to_continue(server: RunningServer) -> None:
    address = urlsplit(server.root_url)
    head, _, body = request(ASK, "Expect: 100-continue", "Connection: close").partition(b"{")
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(head)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{" + body)
        assert parted(b"".join(iter(lambda: connection.recv(65536), b"")))[0] == 200


H2C = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAA")


def test_java_offers_http_2_with_every_request(talk: Callable[[bytes], bytes]) -> None:
    """Who does not take the offer answers as if there were none, body and all."""
    plain = request(ASK, "Connection: close")
    for offer in (H2C, ("Connection: keep-alive, upgrade", "upgrade: h2c, foo/2")):
        answers = talk(request(ASK, *offer) + request(ASK | {"stream": True}, *offer) + plain)
        heads = [part.split(b"\r\n\r\n")[0] for part in answers.split(b"HTTP/1.1 ")[1:]]
        assert [head[:3] for head in heads] == [b"200"] * 3
        assert b"upgrade:" not in answers


def test_an_offer_with_a_body_that_comes_later(server: RunningServer) -> None:
    address = urlsplit(server.root_url)
    head, _, body = request(ASK, *H2C).partition(b"{")
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(head)
        for piece in (b"{" + body[:9], body[9:]):
            connection.sendall(piece)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize("target", ["x:1", "/v1/models"])
@pytest.mark.parametrize("offer", [(), H2C])
def test_no_proxy(talk: Callable[[bytes], bytes], target: str, offer: tuple[str, ...]) -> None:
    lines = [f"CONNECT {target} HTTP/1.1", "Host: [::1]", *offer, "", ""]
    status, headers, _ = parted(talk("\r\n".join(lines).encode()))
    assert status in {400, 405}
    assert headers["connection"] == "close"


def test_requests_ahead_of_answers(talk: Callable[[bytes], bytes]) -> None:
    last = request(ASK, "Connection: close")
    answers = talk(request(ASK) + request(ASK | {"stream": True}) + request({}) + last)
    statuses = [part.split()[0] for part in answers.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"200", b"400", b"200"]


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS, where none is
        b"GET /v1/models HTTP/1.1\r\nHost: [::1]\r\n bad: y\r\n\r\n",
        request(ASK, "Content-Length: 3"),
        request(ASK, "Transfer-Encoding: chunked"),
        f"POST {CHAT} HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode(),
    ],
)
def test_no_http(talk: Callable[[bytes], bytes], sent: bytes) -> None:
    check_refusal(talk(sent), 400)


def test_nonsense_behind_a_request_does_not_cut_its_answer(
    talk: Callable[[bytes], bytes],
) -> None:
    status, headers, body = parted(talk(request(ASK) + b"nonsense\r\n\r\n"))
    assert status == 200
    assert int(headers["content-length"]) == len(body)
    assert json.loads(body)["choices"]


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nHost: [::1]\r\nA: ",
        b"POST / HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ",
        b"POST / HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\n\r\n5;a=",
    ],
)
def test_what_never_ends(talk: Callable[[bytes], bytes], begin: bytes) -> None:
    answer = talk(begin + b"a" * 1_000_000)
    if answer:  # else the connection was reset under us, for we were still sending
        assert answer.count(b"HTTP/1.1 ") == 1
        assert parted(answer)[0] in {405, 431}


def test_large_headers_are_read(talk: Callable[[bytes], bytes]) -> None:
    assert parted(talk(request(ASK, "Connection: close", f"Cookie: {'a' * 60_000}")))[0] == 200
