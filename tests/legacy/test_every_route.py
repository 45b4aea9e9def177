"""Every route of every port, asked by pages that may not: none of them is reached."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from typing import Any

import pytest
from litestar.routes import HTTPRoute, WebSocketRoute

from colonnade.cli.doors import Door, _pages, app_of
from colonnade.legacy.errors import Service
from colonnade.legacy.opening import open_house
from colonnade.serving import ModelRegistry
from colonnade.settings import Settings
from colonnade.settings.tree import LegacySettings
from colonnade.web.access import Access
from colonnade.web.pages import PageGuard
from colonnade.web.request_ids import RequestIds

pytestmark = pytest.mark.anyio

HERE = "localhost:8000"
EVIL = "https://evil.example"
PICTURE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
FRAME = {**LINK, "sec-fetch-dest": "iframe"}
READABLE = {"/", "/docs", "/redoc", "/openapi.json", "/health", "/ready"}


class Reached(Exception):  # noqa: N818
    """The request came to what the guard guards."""


async def _reached(*_):
    raise Reached


@pytest.fixture(params=[None, *Service], ids=str)
async def app(request, tmp_path):
    """The application of a port, with nothing behind its guard."""
    legacy = LegacySettings(
        llama_chat_origins=("none",), session_database=f"sqlite:///{tmp_path}/sessions.db"
    )
    settings = Settings(legacy=legacy)
    async with AsyncExitStack() as stack:
        registry = ModelRegistry(Settings())
        registry.news.close()  # whoever listens to it is not to wait for ever
        stack.push_async_callback(registry.close)
        house = await stack.enter_async_context(open_house(settings, registry))
        door = Door(request.param, [], "", _pages(request.param, settings))
        app = app_of(door, house, Access.for_anyone())
        layer = app.asgi_handler
        assert isinstance(layer, RequestIds)
        guard = layer._app
        assert isinstance(guard, PageGuard), "nothing else is before it"
        guard._app = _reached
        yield app


async def ask(app, kind: str, method: str, path: str, headers: dict[str, str]) -> dict[str, Any]:
    """The first message of the answer."""
    sent: list[dict[str, Any]] = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": kind, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8000), "root_path": "",
        "scheme": "http", "http_version": "1.1", "state": {},
    }  # fmt: skip
    if kind == "http":
        scope["method"] = method
    await app.asgi_handler(scope, None, send)
    assert sent[0]["type"] == ("http" if kind == "http" else "websocket.http") + ".response.start"
    return sent[0]


def asks(app):
    """Each route's type, methods and a path to it."""
    for route in app.routes:
        path = re.sub(r"\{[^}]+\}", "anything", route.path_format)
        if isinstance(route, HTTPRoute):
            methods = {*route.methods} | ({"HEAD"} if "GET" in route.methods else set())
            for method in sorted(methods):
                yield "http", method, path
        else:
            assert isinstance(route, WebSocketRoute)
            yield "websocket", "", path
    yield "http", "GET", "/nowhere"
    yield "http", "DELETE", "/health"


async def test_every_route_refuses(app):
    asked = list(asks(app))
    assert len(asked) > 10
    for kind, method, path in asked:
        for headers, status in (
            ({"host": HERE, "origin": EVIL}, 403),
            ({"host": HERE, "origin": "null"}, 403),
            ({"host": HERE, "origin": "http://localhost:3000"}, 403),
            ({"host": HERE, "origin": EVIL, "sec-fetch-site": "same-origin"}, 403),
            ({"origin": f"http://{HERE}"}, 403),
            ({"host": "rebind.example:8000"}, 421),
            ({"host": "rebind.example:8000", "origin": "http://rebind.example:8000"}, 421),
            ({"host": "localhost.rebind.example"}, 421),
            ({"host": HERE, **PICTURE}, 403),
            ({"host": HERE, **PICTURE, "sec-fetch-site": "same-site"}, 403),
            ({"host": HERE, **FRAME}, 403),
        ):
            if "sec-fetch-mode" in headers and kind == "websocket":
                continue  # a browser names the page that opens one, always
            start = await ask(app, kind, method, path, headers)
            assert start["status"] == status, (kind, method, path, headers)
            names = {name for name, _ in start["headers"]}
            assert not {name for name in names if name.startswith(b"access-control")}
        reached = {"host": HERE}
        for headers in (
            reached,
            {},
            {"host": ""},
            {**reached, "origin": f"http://{HERE}"},
            {"host": "colonnade.localhost", "origin": "https://colonnade.localhost"},
            {**reached, **PICTURE, "sec-fetch-site": "same-origin"},
            {**reached, **LINK, "sec-fetch-site": "none"},
            {"host": "192.168.1.5:8000", "sec-fetch-mode": "cors"},
        ):
            with pytest.raises(Reached):
                await ask(app, kind, method, path, headers)


async def test_links_lead_to_what_is_for_reading(app):
    for kind, method, path in asks(app):
        if kind != "http":
            continue
        headers = {"host": HERE, **LINK}
        if path in READABLE and method in ("GET", "HEAD"):
            with pytest.raises(Reached):
                await ask(app, kind, method, path, headers)
        else:
            assert (await ask(app, kind, method, path, headers))["status"] == 403, (method, path)


async def test_two_names_are_none(app):
    scope_headers = [(b"host", HERE.encode()), (b"host", b"evil.example")]
    sent = []

    async def send(message):
        sent.append(message)

    for headers in (scope_headers, scope_headers[::-1]):
        scope = {"type": "http", "method": "GET", "path": "/health", "headers": headers}
        await app.asgi_handler({**scope, "state": {}}, None, send)
    assert [each["status"] for each in sent if "status" in each] == [421, 421]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_body_of_a_page_is_json(app, method):
    own = {"host": HERE, "origin": f"http://{HERE}", "content-length": "2"}
    for kind in (
        None, "", "text/plain", "text/plain;application/json", "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded", "application/jsonp", "text/json",
    ):  # fmt: skip
        headers = own if kind is None else {**own, "content-type": kind}
        assert (await ask(app, "http", method, "/", headers))["status"] == 415, kind
    chunked = {"host": HERE, "origin": f"http://{HERE}", "transfer-encoding": "chunked"}
    assert (await ask(app, "http", method, "/", chunked))["status"] == 415
    for headers in (
        {**own, "content-type": "application/json"},
        {**own, "content-type": "Application/JSON; charset=utf-8"},
        {**own, "content-type": "application/vnd.api+json"},
        {**own, "content-length": "0"},
        {"host": HERE, "content-length": "2", "content-type": "text/plain"},
        {"host": HERE, "content-length": "2"},
    ):
        with pytest.raises(Reached):
            await ask(app, "http", method, "/", headers)
