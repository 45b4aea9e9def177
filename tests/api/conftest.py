"""The application on a fake engine, for what takes exact control of what the engine does when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from colonnade.api.options import ApiOptions
from colonnade.app import create_app
from colonnade.generation import Generator, Models, ServedModel
from colonnade.web.access import Access
from colonnade.web.pages import PageRules
from tests.api.fakes import FakeEngine, FakeTemplate, HereTemplate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from litestar import Litestar

KEEP_ALIVE = 0.05


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def template() -> FakeTemplate:
    return FakeTemplate()


@pytest.fixture
def models(engine: FakeEngine, template: FakeTemplate) -> Models:
    models = Models()
    served = ServedModel("fake/model", 1700000000, cast("Any", engine), HereTemplate(template))
    assert served.reasoning is None, "answers of this model are text alone"
    template.rendered.clear()
    models.add(served)
    return models


@pytest.fixture
def app(models: Models) -> Litestar:
    options = ApiOptions(
        keep_alive_seconds=KEEP_ALIVE, max_body_size=100_000, max_choices=8, pages=PageRules(("*",))
    )
    return create_app(Generator(models), models, options, Access.for_anyone())


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client
