"""Every family: what its template writes is recognised, read back and allowed."""

from dataclasses import replace

import pytest

from colonnade.prompt import ChatTemplate, packaged_templates
from colonnade.prompt.calls import GENERIC, CallMode, ToolUse, choose_call_format
from colonnade.prompt.calls.formats import JsonArguments
from colonnade.prompt.calls.grammar import call_grammar
from colonnade.prompt.calls.known import KNOWN, QWEN3_CODER
from colonnade.prompt.constraint import build_constraint
from colonnade.prompt.output import CallStart
from colonnade.prompt.packaged import packaged_source
from tests.prompt.calls.conversations import CALLS, TOOLS, USE, answer, calls_of, content_of, parse
from tests.prompt.calls.families import DERIVED, SOURCES, TEMPLATES
from tests.prompt.calls.languages import Vocabulary

BYTES = Vocabulary()
NAMES = [tool.name for tool in TOOLS]
FAMILIES = [pytest.param(known, id=known.name) for known in KNOWN]


def chosen(known):
    return choose_call_format(TEMPLATES[known.name], ())


def markers(known):
    """The parts of a format's markers that are special tokens in a vocabulary that has them."""
    found = {chunk for text in known.markers for chunk in text.split()}
    tags = [chunk for chunk in found if chunk[0] in "<[" and chunk[-1] in ">]" and len(chunk) > 2]
    return Vocabulary(*sorted(tags))


def written(known, chosen_):
    calls = CALLS[:1] if chosen_.single else CALLS
    return answer(TEMPLATES[known.name], calls), list(calls)


def test_every_family_has_a_template():
    assert [known.name for known in KNOWN] == list(TEMPLATES)


@pytest.mark.parametrize("known", FAMILIES)
def test_a_family_is_recognised_by_what_its_template_writes(known):
    found = chosen(known)
    assert found.name == known.name
    assert found.separator == known.separator or found.single


@pytest.mark.parametrize("known", FAMILIES)
def test_calls_are_read_back(known):
    text, calls = written(known, chosen(known))
    events = parse(known, [text])
    assert calls_of(events) == calls
    assert content_of(events) == ""
    assert parse(known, text) == events


@pytest.mark.parametrize("known", FAMILIES)
def test_calls_are_allowed(known):
    text, _ = written(known, chosen(known))
    grammar = call_grammar(known, USE, {})
    assert BYTES.takes(grammar, text), BYTES.prefix(grammar, text)


@pytest.mark.parametrize("known", FAMILIES)
def test_calls_are_allowed_where_markers_are_special_tokens(known):
    text, _ = written(known, chosen(known))
    vocabulary = markers(known)
    grammar = call_grammar(known, USE, vocabulary.special)
    assert vocabulary.takes(grammar, text), vocabulary.prefix(grammar, text)


@pytest.mark.parametrize("known", FAMILIES)
def test_what_no_tool_takes_is_not_allowed(known):
    template = TEMPLATES[known.name]
    grammar = call_grammar(known, USE, {})
    wrong = [
        ("get.weather", {"days": 3}),
        ("get.weather", {"days": "many", "place": "here"}),
        ("get.weather", {"place": "here", "other": 1}),
        ("set-alarm", {"at": "noontide"}),
        ("get.weathers", {"place": "here"}),
    ]
    assert [call for call in wrong if BYTES.takes(grammar, answer(template, [call]))] == []


@pytest.mark.parametrize("known", FAMILIES)
def test_one_call_where_one_is_wanted(known):
    grammar = call_grammar(known, ToolUse(TOOLS, parallel=False), {})
    template = TEMPLATES[known.name]
    one = answer(template, CALLS[1:2])
    assert BYTES.takes(grammar, one)
    two = one + one if known.single else answer(template, CALLS[1:])
    assert not BYTES.takes(grammar, two)


@pytest.mark.parametrize("known", FAMILIES)
def test_only_allowed_tools(known):
    grammar = call_grammar(known, ToolUse(TOOLS, allowed=frozenset({"now"})), {})
    template = TEMPLATES[known.name]
    assert BYTES.takes(grammar, answer(template, [("now", {})]))
    assert not BYTES.takes(grammar, answer(template, CALLS[1:2]))


@pytest.mark.parametrize("known", FAMILIES)
def test_calls_begin_with_a_trigger(known):
    text, _ = written(known, known)
    if known.anchored:
        assert known.triggers(NAMES) == ()
    else:
        assert text.startswith(known.triggers(NAMES))


@pytest.mark.parametrize("known", FAMILIES)
def test_text_around_calls_is_content(known):
    text, calls = written(known, known)
    if known.anchored:
        pytest.skip("calls are the whole answer")
    events = parse(known, [f"Let me see.\n\n{text}\n Done."])
    assert content_of(events) == "Let me see.Done."
    assert calls_of(events) == calls


@pytest.mark.parametrize("name", DERIVED)
def test_formats_of_nobody_are_derived(name):
    template = ChatTemplate(DERIVED[name], name=name)
    found = choose_call_format(template, ())
    assert found.name == "derived"
    text = answer(template, CALLS)
    events = parse(found, [text])
    assert calls_of(events) == list(CALLS)
    assert content_of(events) == ""
    assert BYTES.takes(call_grammar(found, USE, {}), text)


def test_a_template_may_leave_out_the_sections_end_after_one_call():
    source = SOURCES["deepseek-v3"].replace(
        "{{ '<｜tool▁calls▁end｜>' }}",
        "{{ '<｜tool▁calls▁end｜>' if m.tool_calls | length > 1 else '' }}",
    )
    template = ChatTemplate(source, name="test")
    found = choose_call_format(template, ())
    assert (found.name, found.unclosed) == ("deepseek-v3", True)
    grammar = call_grammar(found, USE, {})
    for calls in (CALLS[:1], CALLS):
        text = answer(template, calls)
        assert BYTES.takes(grammar, text), BYTES.prefix(grammar, text)
        assert calls_of(parse(found, [text])) == list(calls)


def test_whitespace_before_a_call_is_allowed_where_the_template_writes_it():
    source = SOURCES["hermes"].replace("{{ '' }}{% for c in", "{{ ' ' }}{% for c in", 1)
    template = ChatTemplate(source, name="test")
    found = choose_call_format(template, ())
    assert (found.name, found.blank) == ("hermes", " ")
    constraint = build_constraint(
        None, ToolUse(TOOLS, CallMode.REQUIRED), found, {}, after_thought=False
    )
    text = answer(template, CALLS)
    assert text.startswith(" <tool_call>")
    assert BYTES.takes(constraint.grammar, text)
    assert BYTES.takes(constraint.grammar, text.lstrip())


def test_json_may_be_spread_over_lines_where_the_template_does_that():
    source = SOURCES["command-r"].replace("args | tojson", "args | tojson(indent=4)")
    template = ChatTemplate(source, name="test")
    found = choose_call_format(template, ())
    assert (found.name, found.arguments) == ("command-r", JsonArguments(indented=True))
    assert choose_call_format(TEMPLATES["command-r"], ()).arguments == JsonArguments()
    grammar = call_grammar(found, USE, {})
    for written_ in (template, TEMPLATES["command-r"]):
        text = answer(written_, CALLS)
        assert BYTES.takes(grammar, text), BYTES.prefix(grammar, text)
        assert calls_of(parse(found, [text])) == list(CALLS)
    wrong = answer(template, [("get.weather", {"days": 3})])
    assert not BYTES.takes(grammar, wrong)
    assert not BYTES.takes(grammar, answer(template, CALLS[1:2]).replace(" ", " " * 99))


def test_constants_may_be_pythons_where_the_template_writes_them_so():
    source = SOURCES["qwen3-coder"].replace("v is string else", "v is string or v is boolean else")
    template = ChatTemplate(source, name="test")
    found = choose_call_format(template, ())
    assert found.arguments == replace(QWEN3_CODER.arguments, constants=True)
    assert choose_call_format(TEMPLATES["qwen3-coder"], ()).arguments == QWEN3_CODER.arguments
    grammar = call_grammar(found, USE, {})
    for written_ in (template, TEMPLATES["qwen3-coder"]):
        text = answer(written_, CALLS)
        assert BYTES.takes(grammar, text), BYTES.prefix(grammar, text)
        assert calls_of(parse(found, [text])) == list(CALLS)
    wrong = answer(template, [("get.weather", {"days": True, "place": "here"})])
    assert not BYTES.takes(grammar, wrong)


def test_calls_without_anything_between_them_are_of_their_family():
    source = SOURCES["hermes"].replace("'' if loop.last else '\\n'", "''")
    template = ChatTemplate(source, name="test")
    found = choose_call_format(template, ())
    assert (found.name, found.separator, found.single) == ("hermes", "", False)
    text = answer(template, CALLS)
    assert "</tool_call><tool_call>" in text
    assert calls_of(parse(found, [text])) == list(CALLS)
    assert BYTES.takes(call_grammar(found, USE, {}), text)


def test_the_models_own_ids_are_kept():
    events = parse(chosen_named("kimi-k2"), [answer(TEMPLATES["kimi-k2"], CALLS)])
    ids = [event.id for event in events if isinstance(event, CallStart)]
    assert ids == ["functions.get.weather:0", "functions.set-alarm:1", "functions.now:2"]
    events = parse(chosen_named("mistral-ids"), [answer(TEMPLATES["mistral-ids"], CALLS)])
    ids = [event.id for event in events if isinstance(event, CallStart)]
    assert ids == ["abcdefgh0", "abcdefgh1", "abcdefgh2"]


def chosen_named(name):
    return next(known for known in KNOWN if known.name == name)


def test_a_template_without_tools_gets_the_generic_format():
    source = "{% for m in messages %}{{ m.role + m.content }}{% endfor %}"
    found = choose_call_format(ChatTemplate(source, name="test"), ())
    assert (found.call, found.section) == (GENERIC.call, GENERIC.section)


def test_markers_tell_a_family_whose_template_drops_calls():
    source = (
        "{% if tools %}{{ tools | tojson }}Answer with <|tool_call_start|>[f(a=1)]"
        "<|tool_call_end|>{% endif %}{% for m in messages %}{{ m.role + m.content }}{% endfor %}"
    )
    template = ChatTemplate(source, name="test")
    assert choose_call_format(template, ()).name in ("lfm2", "hermes")


@pytest.mark.parametrize("name", packaged_templates())
def test_packaged_templates_round_trip(name):
    template = ChatTemplate(packaged_source(name), name=name)
    found = choose_call_format(template, ())
    assert found.name in ("hermes", "generic", "llama3")
