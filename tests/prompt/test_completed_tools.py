"""Templates that count on what OpenAI makes optional."""

import json

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
