"""Which place in the queue a request gets, and what its answer says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from colonnade.api.options import ApiOptions
from colonnade.app import create_app
from colonnade.generation import Generator, Models
from colonnade.messages import Tier, Urgency
from colonnade.web.access import Access

if TYPE_CHECKING:
    from tests.api.fakes import FakeEngine

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("fields", "place", "used"),
    [
        ({}, Urgency(), None),
        ({"service_tier": None, "priority": None}, Urgency(), None),
        ({"service_tier": "auto"}, Urgency(), "default"),
        ({"service_tier": "default", "priority": 4}, Urgency(priority=4), "default"),
        ({"service_tier": "scale"}, Urgency(), "default"),
        ({"service_tier": "flex"}, Urgency(Tier.FLEX), "flex"),
        ({"service_tier": "priority"}, Urgency(Tier.PRIORITY), "priority"),
        ({"service_tier": "fast", "priority": -4}, Urgency(Tier.PRIORITY, -4), "priority"),
    ],
)
async def test_the_answer_names_the_tier_that_was_asked_for(
    client: httpx.AsyncClient,
    engine: FakeEngine,
    fields: dict[str, Any],
    place: Urgency,
    used: str | None,
) -> None:
    answer = (await client.post(CHAT, json=ASK | fields)).json()
    assert engine.last.urgency == place
    assert answer.get("service_tier") == used
    streamed = (await client.post(CHAT, json=ASK | fields | {"stream": True})).text
    chunks = streamed.count('"chat.completion.chunk"')
    assert streamed.count(f'"service_tier":"{used}"') == (chunks if used else 0)


async def test_completions_have_priorities(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    await client.post(COMPLETIONS, json={"prompt": ["a", "b"], "priority": 2})
    assert [each.urgency for each in engine.submitted] == [Urgency(priority=2)] * 2


@pytest.mark.parametrize(
    "fields", [{"service_tier": "fastest"}, {"priority": 2**31}, {"priority": "high"}]
)
async def test_no_such_place(client: httpx.AsyncClient, fields: dict[str, Any]) -> None:
    response = await client.post(CHAT, json=ASK | fields)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == next(iter(fields))


async def test_where_no_request_may_pass_others(models: Models, engine: FakeEngine) -> None:
    app = create_app(Generator(models), models, ApiOptions(may_pass=False), Access.for_anyone())
    transport = httpx.ASGITransport(cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for asked, used in (("priority", "default"), ("flex", "flex")):
            answer = (await client.post(CHAT, json=ASK | {"service_tier": asked})).json()
            assert answer["service_tier"] == used
            assert engine.last.urgency.tier.name.lower() == used
        assert (await client.post(CHAT, json=ASK | {"priority": 1})).status_code == 200
        refused = await client.post(CHAT, json=ASK | {"priority": -1})
        assert refused.json()["error"]["param"] == "priority"
        assert "pass others" in refused.json()["error"]["message"]
