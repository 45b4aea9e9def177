"""Answers that end within a call: nothing of a call's notation is content."""

import pytest

from colonnade.prompt.calls import GENERIC
from colonnade.prompt.calls.known import KNOWN
from colonnade.prompt.output import CallArguments, CallStart
from tests.prompt.calls.conversations import CALLS, TOOLS, answer, content_of, parse
from tests.prompt.calls.families import TEMPLATES

FORMATS = [pytest.param(known, id=known.name) for known in KNOWN]
NAMES = [tool.name for tool in TOOLS]


def written(known):
    return answer(TEMPLATES[known.name], CALLS[:1] if known.single else CALLS)


def cuts(text):
    """Every beginning of a text."""
    return [text[:length] for length in range(len(text) + 1)]


def check_calls(events, whole):
    """The calls are those of the whole answer as far as they came."""
    seen = [event for event in events if isinstance(event, CallStart | CallArguments)]
    for one, other in zip(seen, whole, strict=False):
        assert type(one) is type(other)
        match one:
            case CallStart(_, name):
                assert name == other.name
            case CallArguments(_, text):
                assert other.text.startswith(text)
    return [event.name for event in seen if isinstance(event, CallStart)]


@pytest.mark.parametrize("known", FORMATS)
def test_a_required_call_leaves_no_content_wherever_it_ends(known):
    text = written(known)
    whole = parse(known, [text], required=True)
    assert len(check_calls(whole, whole)) == (1 if known.single else len(CALLS))
    before = 0
    for part in cuts(text):
        events = parse(known, [part], required=True)
        assert content_of(events) == "", part
        count = len(check_calls(events, whole))
        assert before <= count, part
        before = count
        if len(part) % 11 == 0:
            assert parse(known, part, required=True) == events


@pytest.mark.parametrize("known", FORMATS)
def test_of_a_call_that_may_be_nothing_is_content_from_its_marker_on(known):
    text = written(known)
    whole = parse(known, [text])
    triggers = known.triggers(NAMES)
    for part in cuts(text):
        events = parse(known, [f"Well.\n{part}" if triggers else part])
        content = content_of(events).removeprefix("Well.").strip()
        calls = check_calls(events, whole)
        if calls or (triggers and any(trigger in part for trigger in triggers)):
            assert content == "", part
        else:  # it may be the beginning of anything
            assert content in ("", part.strip()), part


@pytest.mark.parametrize("known", [param for param in FORMATS if not param.values[0].single])
def test_a_call_whose_name_is_whole_is_told(known):
    text = answer(TEMPLATES[known.name], CALLS[:1])
    name = CALLS[0][0]
    place = text.rindex(name, 0, text.index("place")) + len(name)
    for length in range(place + 1, len(text) + 1):
        names = check_calls(parse(known, [text[:length]], required=True), parse(known, [text]))
        assert names in ([name], []), text[:length]
    assert names == [name]


def test_the_form_of_models_without_tools_is_cut_the_same_way():
    text = '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'
    for part in cuts(text):
        events = parse(GENERIC, [part], required=True)
        assert content_of(events) == ""
        seen = [event.name for event in events if isinstance(event, CallStart)]
        assert seen == (["now"] if len(part) >= len('<tool_call>\n{"name": "now",') else [])
