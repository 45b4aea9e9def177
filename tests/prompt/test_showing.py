"""Templates that look for tools elsewhere than in ``tools``."""

import json
from datetime import datetime

import pytest

from colonnade.messages import Failure
from colonnade.prompt import ChatTemplate
from colonnade.prompt.calls.generic import supports_tools
from colonnade.prompt.showing import ToolsForm
from tests.prompt.conversations import CHATML, TOOL, user

LISTED = (
    "{% if xml_tools or python_tools %}<tools>{% for tool in (xml_tools or python_tools)[:] %}"
    "{{ tool | string }}\n{% endfor %}</tools>{% endif %}" + CHATML
)
DEFINED = (
    "{% for t in available_tools or [] %}{{ t.function.name }}: "
    "{{ t.function.parameters.properties | tojson }}{% endfor %}" + CHATML
)
WRITTEN = "{{ 'Functions: ' + functions + ' It is ' + datetime + '. ' }}" + CHATML
PYTHON = "{% for tool in python_tools or [] %}{{ tool | string }}{% endfor %}" + CHATML
FUNCTION = TOOL["function"]


def made(source):
    return ChatTemplate(source, name="test", clock=lambda: datetime(2026, 5, 4, 3, 2, 1))


@pytest.mark.parametrize(
    ("source", "variable", "form"),
    [
        (CHATML.replace("{% for", "{{ tools }}{% for", 1), "tools", ToolsForm.DEFINITIONS),
        (LISTED, "xml_tools", ToolsForm.FUNCTIONS),
        (DEFINED, "available_tools", ToolsForm.DEFINITIONS),
        (WRITTEN, "functions", ToolsForm.TEXT),
    ],
)
def test_where_and_how_a_template_is_shown_tools(source, variable, form):
    template = made(source)
    assert (template.traits.showing.variable, template.traits.showing.form) == (variable, form)
    assert supports_tools(template)
    text = template.render([user("a")], {"tools": [TOOL]})
    assert FUNCTION["name"] in text
    assert "place" in text


def test_functions_as_the_template_prints_them():
    text = made(LISTED).render([user("a")], {"tools": [TOOL]})
    assert text.startswith(f"<tools>{FUNCTION}\n</tools>")


def test_functions_as_text_with_the_date():
    text = made(WRITTEN).render([user("a")], {"tools": [TOOL]})
    shown, _, rest = text.removeprefix("Functions: ").partition(" It is ")
    assert shown == json.dumps([FUNCTION], indent=4)
    assert rest.startswith("2026-05-04 03:02:01. ")


def test_without_tools_what_must_be_there_is_empty():
    assert made(WRITTEN).broken is None
    assert made(WRITTEN).render([user("a")]).startswith("Functions: [] It is ")
    assert made(LISTED).render([user("a")]) == made(CHATML).render([user("a")])


def test_a_variable_that_the_client_sets_itself_is_left_to_it():
    own = {"tools": [TOOL], "xml_tools": ["mine"]}
    assert made(LISTED).render([user("a")], own).startswith("<tools>mine\n</tools>")


def test_functions_for_python_code_are_no_tools():
    assert not supports_tools(made(PYTHON))


TYPED = (
    "{% macro type(s) %}{% if s.type == 'object' %}"
    "{{ 'Dict[' + type(s.additionalProperties) + ']' }}{% else %}{{ s.type or 'Any' }}"
    "{% endif %}{% endmacro %}"
    "{% for t in tools or [] %}{{ t.function.name }}({% for k, p in "
    "t.function.parameters.properties.items() %}{{ k }}: {{ type(p) }}{% endfor %}){% endfor %}"
    + CHATML
)


def test_what_is_in_an_object_is_said_where_a_template_asks():
    parameters = {"type": "object", "properties": {"where": {"type": "object"}}}
    tool = {"type": "function", "function": {**FUNCTION, "parameters": parameters}}
    text = made(TYPED).render([user("a")], {"tools": [tool]})
    assert text.startswith("weather(where: Dict[Any])")


def test_refusals_are_still_told():
    source = "{{ raise_exception('No tools here.') if tools }}" + CHATML
    with pytest.raises(Failure, match="No tools here"):
        made(source).render([user("a")], {"tools": [TOOL]})
