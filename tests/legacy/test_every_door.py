"""Every route of every port, without a key, with a user's and with an administrator's: none is
left open by being forgotten."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack

import httpx
import pytest
from litestar.routes import HTTPRoute

from colonnade.cli.doors import Door, _pages, app_of
from colonnade.legacy.errors import Service
from colonnade.legacy.opening import open_house
from colonnade.serving import ModelRegistry
from colonnade.settings import ServerSettings, Settings, sealed
from colonnade.settings.tree import LegacySettings
from colonnade.web.access import Access, admins_only

pytestmark = pytest.mark.anyio

OPEN = {"/", "/health", "/ready"}
_MODELS = {
    f"{prefix}/models{each}"
    for prefix in ("", "/v1")
    for each in ("", "/load", "/unload", "/sse", "/anything")
}
ADMINS = {
    None: {"/load", "/unload", "/metrics", "/slots", "/usage", "/lora-adapters", *_MODELS},
    Service.FLOWGEN: {"/load", "/unload"},
}
DOCUMENTS = r"/(docs|redoc|schema)(/.*)?|/openapi.json"


@pytest.fixture(params=[None, *Service], ids=str)
async def port(request, tmp_path):
    """A port's service and its application."""
    keys = ServerSettings(api_key=(sealed("of a user"),), admin_key=(sealed("of an operator"),))
    legacy = LegacySettings(session_database=f"sqlite:///{tmp_path}/sessions.db")
    settings = Settings(server=keys, legacy=legacy)
    async with AsyncExitStack() as stack:
        registry = ModelRegistry(Settings())
        registry.news.close()  # whoever listens to it is not to wait for ever
        stack.push_async_callback(registry.close)
        house = await stack.enter_async_context(open_house(settings, registry))
        door = Door(request.param, [], "", _pages(request.param, settings))
        yield request.param, app_of(door, house, Access.of(settings))


def asks(app):
    """Each route's method, a path to it, and whether it is for administrators."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in sorted(route.route_handler_map.items()):
                path = re.sub(r"\{[^}]+\}", "anything", route.path_format)
                if method != "OPTIONS":
                    yield method, path, admins_only in handler.resolve_guards()


async def test_who_may_come_in(port):
    service, app = port
    transport = httpx.ASGITransport(app)
    asked = list(asks(app))
    guarded = {path for _, path, admins in asked if admins}
    assert {each for each in guarded if not re.match(DOCUMENTS, each)} == ADMINS.get(service, set())
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as http:
        for method, path, admins in asked:
            if path in OPEN:
                continue
            bare = await http.request(method, path, json={})
            assert bare.status_code == 401, (method, path)
            wrong = await http.request(method, path, json={}, headers={"x-api-key": "of a use"})
            assert wrong.status_code == 401, (method, path)
            assert bool(re.fullmatch(DOCUMENTS, path)) <= admins, path
            if admins:
                user = {"x-api-key": "of a user"}
                forbidden = await http.request(method, path, json={}, headers=user)
                assert forbidden.status_code == 403, (method, path)
                operator = {"x-api-key": "of an operator"}
                allowed = await http.request(method, path, json={}, headers=operator)
                assert allowed.status_code in (200, 400, 404, 503), (method, path)
