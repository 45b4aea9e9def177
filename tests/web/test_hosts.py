"""Names of a server, and origins of pages, as requests write them."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar, Response

from colonnade.web.hosts import Host, KnownHosts, own_names, parsed_host
from colonnade.web.origins import Origins, same_origin
from colonnade.web.pages import PageGuard, PageRules

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
NAME = st.lists(LABEL, min_size=1, max_size=4).map(".".join)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("localhost", Host("localhost", None)),
        ("LocalHost.:8000", Host("localhost", 8000)),
        ("127.0.0.1:80", Host("127.0.0.1", 80)),
        ("[::1]:8000", Host("::1", 8000)),
        ("[FE80::1%25eth0]", Host("fe80::1%25eth0", None)),
        ("name:", Host("name", None)),
        ("a@localhost", None),
        ("localhost/evil.example", None),
        ("localhost evil.example", None),
        ("evil.example#localhost", None),
        ("evil.example,localhost", None),
        ("localhost:80:80", None),
        ("localhost:123456", None),
        ("::1", None),
        ("", None),
    ],
)
def test_parsed_host(text, host):
    assert parsed_host(text) == host


@given(NAME, st.none() | st.integers(1, 65535))
def test_what_is_written_is_read(name, port):
    assert parsed_host(name if port is None else f"{name}:{port}") == Host(name, port)


@given(st.ip_addresses())
def test_every_address_is_a_name_of_the_server(address):
    text = f"[{address}]:8000" if address.version == 6 else f"{address}:8000"
    host = parsed_host(text)
    assert host is not None
    assert host.name in KnownHosts()


@given(NAME)
def test_a_name_of_others_is_none(name):
    try:
        ipaddress.ip_address(name)
    except ValueError:
        assert f"{name}.example" not in KnownHosts(["localhost.example.org", "*.localhost.org"])


def test_names():
    hosts = KnownHosts(["Colonnade.Example", "*.inner.example", "xn--bcher-kva.example."])
    for name in (
        "localhost", "chat.localhost", "127.0.0.1", "::1", "10.1.2.3",
        "colonnade.example", "a.inner.example", "a.b.inner.example", "xn--bcher-kva.example",
    ):  # fmt: skip
        assert name in hosts, name
    for name in (
        "", "example", "sub.colonnade.example", "inner.example", "evilinner.example",
        "notlocalhost", "localhost.evil.example", "127.0.0.1.evil.example", "2130706433", "0x7f.1",
    ):  # fmt: skip
        assert name not in hosts, name
    assert "anything.example" in KnownHosts(["*"])


@pytest.mark.parametrize("name", ["http://a.example", "a.example:80", "a.*", "", "a b", "*.*", "é"])
def test_what_is_no_name(name):
    with pytest.raises(ValueError, match="is no host's name"):
        KnownHosts([name])


def test_own_names(monkeypatch, tmp_path):
    file = tmp_path / "hosts"
    file.write_text(
        "127.0.0.1 localhost\n127.0.1.1 desk.corp.example Desk # desk.evil.example\n"
        "0.0.0.0 tracker.example\n# 10.0.0.1 desk.old.example desk\n"
    )
    monkeypatch.setattr(socket, "gethostname", lambda: "Desk")
    names = own_names("box.home", file)
    assert set(names) == {
        "desk", "desk.local", "desk.corp.example", "box.home",
        "host.docker.internal", "host.containers.internal",
    }  # fmt: skip
    monkeypatch.setattr(socket, "gethostname", lambda: "Desk.lan")
    assert {"desk.lan", "desk", "desk.local"} <= set(own_names("::", tmp_path / "none"))
    monkeypatch.setattr(socket, "gethostname", lambda: "no name at all")
    for address in ("::", "127.0.0.1"):
        assert address not in own_names(address), "no name, and known anyway"
        KnownHosts(own_names(address))


def test_origins():
    origins = Origins(["https://a.example/", "http://localhost:*", "https://*.b.example"])
    for origin in (
        "https://a.example", "HTTPS://A.example", "http://localhost:3000",
        "https://x.b.example", "https://x.y.b.example",
    ):  # fmt: skip
        assert origin in origins, origin
        assert origins.names(origin)
    for origin in (
        "null", "", "http://a.example", "https://a.example:444", "https://a.example.evil.example",
        "http://localhost", "https://b.example", "https://evilb.example", "https://axexample",
    ):  # fmt: skip
        assert origin not in origins, origin


def test_all_origins_and_none():
    everybody, nobody = Origins(["*"]), Origins(["none"])
    assert "null" in everybody
    assert "https://a.example" in everybody
    assert not everybody.names("https://a.example"), "it is let in, but not by name"
    assert not nobody
    assert "https://a.example" not in nobody
    assert "none" not in nobody


@pytest.mark.parametrize("origin", ["a.example", "https://a.example/path", "null", "", "//a"])
def test_what_is_no_origin(origin):
    with pytest.raises(ValueError, match="is no web origin"):
        Origins([origin])


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://localhost:8000", "localhost:8000", True),
        ("http://LOCALHOST:8000", "localhost:8000", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("https://chat.example", "chat.example", True),
        ("https://chat.example", "chat.example:443", True),
        ("https://chat.example:8443", "chat.example:8443", True),
        ("http://chat.example", "chat.example:80", True),
        ("http://localhost:3000", "localhost:8000", False),
        ("http://localhost:8000", "127.0.0.1:8000", False),
        ("https://chat.example:8443", "chat.example", False),
        ("https://evil.example", "chat.example", False),
        ("https://chat.example.evil.example", "chat.example", False),
        ("chrome-extension://chat.example", "chat.example", False),
        ("null", "null", False),
        ("://", "localhost", False),
    ],
)
def test_same_origin(origin, host, same):
    parsed = parsed_host(host)
    assert parsed is not None
    assert same_origin(origin, parsed) is same


HEADER = st.tuples(
    st.sampled_from(
        [
            b"host", b"origin", b"content-type", b"content-length", b"transfer-encoding",
            b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest",
            b"access-control-request-private-network",
        ]
    ),
    st.binary(max_size=30)
    | st.sampled_from([b"localhost", b"http://localhost", b"cross-site", b"application/json"]),
)  # fmt: skip


NO_ROUTES = Litestar(
    [], exception_handlers={Exception: lambda _, exc: Response(str(exc), status_code=403)}
)


@given(st.sampled_from(["http", "websocket"]), st.lists(HEADER, max_size=6))
def test_whatever_comes_is_let_in_or_refused(kind, headers):
    """And never let in by a name or from a page that is not known, however often it is said."""
    sent = []

    async def reached(*_):
        sent.append(200)

    async def send(message):
        sent.append(message.get("status", 0))

    guard = PageGuard(reached, NO_ROUTES, PageRules())
    scope = {"type": kind, "path": "/", "headers": headers, "state": {}}
    asyncio.run(guard(scope | ({"method": "POST"} if kind == "http" else {}), None, send))
    assert sent in ([200], [403, 0])
    if sent == [200]:
        said = [(name, value.strip().lower()) for name, value in headers]
        origins = {value for name, value in said if name == b"origin"}
        assert origins <= {b"http://localhost"}
        for name, value in said:
            if name == b"host" and value:
                host = parsed_host(value.decode("latin-1"))
                assert host is not None
                assert host.name in KnownHosts()


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_comes_is_judged(origin, text):
    assert isinstance(origin in Origins(["https://*.a.example"]), bool)
    host = parsed_host(text)
    if host is not None:
        assert isinstance(host.name in KnownHosts(), bool)
        assert isinstance(same_origin(origin, host), bool)
