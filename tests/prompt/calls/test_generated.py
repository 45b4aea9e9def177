"""Generated tools and arguments, through every family."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colonnade.prompt.calls import Tool, ToolUse
from colonnade.prompt.calls.formats import ElementArguments
from colonnade.prompt.calls.grammar import call_grammar
from colonnade.prompt.calls.known import KNOWN
from tests.prompt.calls.conversations import answer, calls_of, content_of, parse
from tests.prompt.calls.families import TEMPLATES
from tests.prompt.calls.languages import Vocabulary

BYTES = Vocabulary()
FAMILIES = [pytest.param(known, id=known.name) for known in KNOWN]

KEYS = st.from_regex("[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True)
NAMES = st.from_regex("[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,12}", fullmatch=True)
CHARS = st.characters(
    exclude_categories=("Cs", "Cc"), include_characters="\n\t", exclude_characters="\x7f"
)
TEXTS = st.text(CHARS, max_size=12)
NUMBERS = st.integers(-(10**9), 10**9)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
KINDS = {
    "string": TEXTS,
    "integer": NUMBERS,
    "boolean": st.booleans(),
    "null": st.none(),
    "object": st.dictionaries(KEYS, VALUES, max_size=3),
    "array": st.lists(VALUES, max_size=3),
}


@st.composite
def tools_and_calls(draw, known):
    tools, calls = [], []
    # an empty element may be a list, an object or a string: only a schema tells
    typed = isinstance(known.arguments, ElementArguments)
    possible = sorted(KINDS.keys() - ({"object", "array"} if typed else set()))
    for name in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)):
        members = draw(st.dictionaries(KEYS, st.sampled_from(possible), max_size=4))
        required = [key for key in members if draw(st.booleans())]
        schema = {
            "type": "object",
            "properties": {key: {"type": kind} for key, kind in members.items()},
            "required": required,
        }
        tools.append(Tool(name, None, schema))
        given_ = [key for key in members if key in required or draw(st.booleans())]
        calls.append((name, {key: draw(KINDS[members[key]]) for key in given_}))
    return tuple(tools), calls


@pytest.mark.parametrize("known", FAMILIES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_generated_calls_are_read_back_and_allowed(known, data):
    tools, calls = data.draw(tools_and_calls(known))
    calls = calls[:1] if known.single else calls
    text = answer(TEMPLATES[known.name], calls, tools)
    events = parse(known, [text], tools)
    assert calls_of(events) == calls
    assert content_of(events) == ""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert parse(known, pieces, tools) == events
    grammar = call_grammar(known, ToolUse(tools), {})
    assert BYTES.takes(grammar, text), (BYTES.prefix(grammar, text), text)


@pytest.mark.parametrize("known", FAMILIES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_cut_off_answer_keeps_what_came(known, data):
    tools, calls = data.draw(tools_and_calls(known))
    calls = calls[:1] if known.single else calls
    text = answer(TEMPLATES[known.name], calls, tools)
    whole = parse(known, [text], tools)
    cut = data.draw(st.integers(0, len(text)))
    part = parse(known, [text[:cut]], tools)
    seen = [event for event in part if type(event).__name__ != "Content"]
    for one, other in zip(seen, whole, strict=False):
        assert type(one) is type(other)
        assert getattr(other, "text", "").startswith(getattr(one, "text", ""))
        assert getattr(one, "name", "") == getattr(other, "name", "")


@pytest.mark.parametrize("known", FAMILIES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_garbled_answers_never_raise_and_every_split_reads_the_same(known, data):
    tools, calls = data.draw(tools_and_calls(known))
    text = answer(TEMPLATES[known.name], calls[:1] if known.single else calls, tools)
    place = data.draw(st.integers(0, len(text)))
    drop = data.draw(st.integers(0, 8))
    junk = data.draw(st.text("<>[]{}()\"'\\=:,/|ab \n", max_size=6))
    garbled = text[:place] + junk + text[place + drop :]
    events = parse(known, [garbled], tools)
    assert parse(known, garbled, tools) == events
