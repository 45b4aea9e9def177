"""Tools reach the template and the grammar as the client meant them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

    from tests.api.fakes import FakeEngine, FakeTemplate

PATH = "/v1/chat/completions"
GOOD = {
    "type": "function",
    "function": {"name": "good", "parameters": {"type": "object", "properties": {}}},
}


def body(*tools: Any, **fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "hi"}], "tools": tools, **fields}


async def shown(client: httpx.AsyncClient, template: FakeTemplate, *tools: Any) -> Any:
    response = await client.post(PATH, json=body(*tools))
    assert response.status_code == 200, response.text
    return template.rendered[-1][1]["tools"]


def order(value: Any) -> Any:
    """A value whose equality looks at the order of keys."""
    if isinstance(value, dict):
        return [(key, order(each)) for key, each in value.items()]
    return [order(each) for each in value] if isinstance(value, list) else value


async def test_a_template_gets_definitions_in_the_clients_order_and_with_its_keys(
    client: httpx.AsyncClient, template: FakeTemplate
) -> None:
    tool = {
        "function": {
            "strict": True,
            "parameters": {
                "properties": {
                    "tags": {"items": {"type": "string"}, "type": "array", "description": "d"},
                    "a": {"description": "first", "type": "string"},
                },
                "required": ["tags"],
                "type": "object",
            },
            "x-cost": 3,
            "description": "Does.",
            "name": "does",
        },
        "x-own": [1],
        "type": "function",
    }
    assert order(await shown(client, template, tool, GOOD)) == order([tool, GOOD])


async def test_the_oldest_form_too(client: httpx.AsyncClient, template: FakeTemplate) -> None:
    function = {"parameters": {"type": "object", "properties": {}}, "name": "f", "returns": "x"}
    response = await client.post(PATH, json={**body(), "tools": None, "functions": [function]})
    assert response.status_code == 200, response.text
    tools = template.rendered[-1][1]["tools"]
    assert order(tools) == order([{"type": "function", "function": function}])


async def test_nulls_are_taken_as_absent(client: httpx.AsyncClient, template: FakeTemplate) -> None:
    parameters = {
        "type": "object",
        "description": None,
        "properties": {
            "a": {"type": "string", "enum": None, "items": None, "default": None, "title": None},
            "b": {"const": None},
            "c": {"enum": ["x", None]},
        },
        "required": None,
        "$defs": None,
        "additionalProperties": None,
    }
    function = {"name": "f", "description": None, "strict": None, "parameters": parameters}
    bare = {"name": "g", "parameters": None}
    empty = {"name": "h", "parameters": {"type": "object", "properties": None, "required": None}}
    tools = [{"type": "function", "function": each} for each in (function, bare, empty)]
    assert await shown(client, template, *tools) == [
        {
            "type": "function",
            "function": {
                "name": "f",
                "parameters": {
                    "type": "object",
                    "properties": {
                        "a": {"type": "string", "default": None},
                        "b": {"const": None},
                        "c": {"enum": ["x", None]},
                    },
                },
            },
        },
        {"type": "function", "function": {"name": "g"}},
        {"type": "function", "function": {"name": "h", "parameters": {"type": "object"}}},
    ]


async def test_what_is_required_and_not_described_is_any_value(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    parameters = {"type": "object", "properties": {}, "required": ["q"]}
    tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
    response = await client.post(PATH, json=body(GOOD, tool))
    assert response.status_code == 200, response.text
    constraint = engine.last.decoding.constraint
    assert constraint is not None
    assert '"q"' in constraint.grammar


@pytest.mark.parametrize("choice", ["auto", "required"])
async def test_an_error_names_the_tool_that_it_is_about(
    client: httpx.AsyncClient, choice: str
) -> None:
    parameters = {"type": "object", "properties": {"a": {"type": "nonsense"}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
    response = await client.post(PATH, json=body(GOOD, tool, tool_choice=choice))
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "tools[1].function.parameters"
