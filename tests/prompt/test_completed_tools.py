"""Templates that count on what OpenAI makes optional."""

import json

import pytest

from colonnade.messages import Failure
from colonnade.prompt import ChatTemplate

SOURCE = (
    "{% for tool in tools or [] %}{{ tool.function.description | trim }}"
    "{% for name, p in tool.function.parameters.properties.items() %}{{ p.type + p.description }}"
    "{% endfor %}{{ tool | tojson }}{% endfor %}{% for m in messages %}{{ m.content }}{% endfor %}"
)
USER = [{"role": "user", "content": ""}]


def shown(*properties):
    template = ChatTemplate(SOURCE, name="test")
    assert not template.traits.bare_tools
    parameters = {"properties": dict(properties), "required": [], "type": "object"}
    function = {"parameters": parameters, "description": "Does.", "name": "f"}
    tool = {"type": "function", "function": function}
    text = template.render(USER, {"tools": [tool]})
    return tool, json.loads(text[text.index("{") :])


def test_what_is_whole_stays_as_it_is():
    array = {"items": {"type": "string"}, "type": "array", "description": "Words."}
    given, seen = shown(("a", array))
    assert json.dumps(seen) == json.dumps(given)


def test_what_is_missing_comes_behind_what_was_given():
    _, seen = shown(("a", {"enum": [1]}), ("b", {"description": "d", "type": "string"}))
    properties = seen["function"]["parameters"]["properties"]
    assert list(properties["a"].items()) == [
        ("enum", [1]),
        ("type", "any"),
        ("description", ""),
    ]
    assert list(properties["b"]) == ["description", "type"]


TYPED = (
    "{% set known = {'string': 'str', 'integer': 'int', 'number': 'float', 'boolean': 'bool'} %}"
    "{% macro type(s) %}{% if known[s.type] is defined %}{{ known[s.type] }}"
    "{% elif s.type == 'array' %}list[{{ type(s['items']) }}]"
    "{% elif s.type == 'object' %}dict[{{ type(s.additionalProperties) }}]"
    "{% elif s.type is iterable %}{% for t in s.type %}{{ type({'type': t}) }}{% endfor %}"
    "{% else %}any{% endif %}{% endmacro %}"
    "{% for tool in tools or [] %}{% for name, p in tool.function.parameters.properties.items() %}"
    "{{ name }}: {{ type(p) + p.description }};{% endfor %}{% endfor %}"
    "{% for m in messages %}{{ m.content }}{% endfor %}"
)
"""Calls itself without end for a type that it does not know: a word's letters are types too."""


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({"type": "string", "description": "d"}, "strd"),
        ({"type": ["string", "null"]}, "str"),
        ({"type": ["null", "array"], "items": {"type": ["integer", "null"]}}, "list[int]"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "float"),
        ({"anyOf": [{"type": "number"}, {"type": "string"}]}, "any"),
        ({"enum": ["a", "b"]}, "str"),
        ({"$ref": "#/$defs/flag"}, "bool"),
        ({"type": "object"}, "dict[any]"),
        ({"type": ["array", "null"]}, "list[any]"),
        ({}, "any"),
        (True, "any"),
        ({"type": [["odd"], 3]}, "any"),
    ],
)
def test_types_that_a_template_does_not_know_are_put_simply(schema, written):
    parameters = {
        "type": "object",
        "properties": {"a": schema},
        "$defs": {"flag": {"type": "boolean"}},
    }
    tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
    text = ChatTemplate(TYPED, name="test").render(USER, {"tools": [tool]})
    assert text == f"a: {written};"


def test_a_template_that_never_ends_is_refused():
    source = TYPED + "{% macro on(x) %}{{ on(x) }}{% endmacro %}{{ on(1) if tools }}"
    tool = {"type": "function", "function": {"name": "f", "parameters": {"properties": {}}}}
    with pytest.raises(Failure, match="too much work"):
        ChatTemplate(source, name="test").render(USER, {"tools": [tool]})


NAMES = (
    "{% for tool in tools or [] %}{% for name in tool.function.parameters.properties or {} %}"
    "{{ name + ';' }}{% endfor %}{% endfor %}{% for m in messages %}{{ m.content }}{% endfor %}"
)
COMPOSED = {
    "allOf": [{"properties": {"a": {}}}, {"$ref": "#/$defs/more"}],
    "anyOf": [{"properties": {"c": {}}}],
    "$defs": {"more": {"properties": {"b": {}}, "anyOf": [{"$ref": "#"}] * 50}},
}


def test_properties_of_schemas_in_a_schema_are_named_where_nothing_else_is_shown():
    tool = {"type": "function", "function": {"name": "f", "parameters": COMPOSED}}
    text = ChatTemplate(NAMES, name="test").render(USER, {"tools": [tool]})
    assert text == "a;b;c;"
    whole = NAMES.replace("{% for name", "{{ tool | tojson }}{% for name")
    text = ChatTemplate(whole, name="test").render(USER, {"tools": [tool]})
    assert text == json.dumps(tool)
