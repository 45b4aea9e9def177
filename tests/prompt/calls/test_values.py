"""Values inside calls: a schema holds in every notation, and what is allowed is read back."""

import json
import random

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, given, settings

from colonnade.messages import Failure
from colonnade.prompt.calls import Tool, ToolUse
from colonnade.prompt.calls.grammar import CallRules, call_grammar
from colonnade.prompt.calls.known import KNOWN
from colonnade.prompt.calls.lark import Rules
from colonnade.prompt.output import CallArguments, Content
from tests.prompt.calls.conversations import answer, calls_of, parse
from tests.prompt.calls.families import TEMPLATES
from tests.prompt.calls.languages import Vocabulary
from tests.prompt.calls.schemas import parameters
from tests.prompt.calls.test_walks import walk

BYTES = Vocabulary()
BY_NAME = {known.name: known for known in KNOWN}
NOTATIONS = ["hermes", "qwen3-coder", "deepseek-v3.2", "kimi-k3", "minimax-m3", "lfm2", "gemma"]
VALIDATOR = jsonschema.Draft202012Validator
WORD = {"anyOf": [{"enum": ["pending", "in_progress"]}, {"const": "deleted"}]}
TREE = {
    "type": "object",
    "properties": {"word": WORD, "more": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
    "required": ["word"],
    "additionalProperties": False,
}


def tool_of(schema, **more):
    return Tool(
        "f", None, {"type": "object", "properties": {"v": schema}, "required": ["v"], **more}
    )


def takes(name, tool, value):
    grammar = call_grammar(BY_NAME[name], ToolUse((tool,), parallel=False), {})
    return BYTES.takes(grammar, answer(TEMPLATES[name], [("f", {"v": value})], (tool,)))


def arguments(name, text, tool):
    events = parse(BY_NAME[name], [text], (tool,))
    assert not any(isinstance(event, Content) for event in events), text
    return json.loads("".join(e.text for e in events if isinstance(e, CallArguments)))


CASES = [
    (WORD, ["pending", "in_progress", "deleted"], ["pend", "other", 3, None]),
    ({"$ref": "#/$defs/word"}, ["deleted"], ["pending "]),
    ({"allOf": [{"enum": ["a", "b", "c"]}, {"enum": ["b", "c", "d"]}]}, ["b", "c"], ["a", "d"]),
    ({"oneOf": [{"const": "on"}, {"type": "integer"}]}, ["on", 3], ["off", True, 1.5]),
    ({"type": "string", "not": {"enum": ["no", "never"]}}, ["yes", "nope"], ["no", "never"]),
    ({"type": "string", "format": "date"}, ["2024-02-29"], ["2023-02-30", "today"]),
    ({"type": "string", "format": "email", "maxLength": 9}, ["a@b.cd"], ["a@b.cdefghi", "a"]),
    ({"type": "string", "pattern": "^a|b$", "maxLength": 3}, ["ax", "xb"], ["xx", "axxx"]),
    ({"type": "string", "pattern": "(^a|z$)", "minLength": 2}, ["ab", "xz"], ["a", "xx"]),
    ({"type": ["string", "null"]}, ["nullable", "12 x", ""], []),
    ({"type": ["integer", "null"], "minimum": 2, "maximum": 31}, [2, 31], [1, 32, "x"]),
    ({"enum": ["x", 1, True]}, ["x", 1, True], ["y", 2, False, None]),
    ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, [0.5, 1], [0, 2]),
    ({"type": "array", "items": WORD, "maxItems": 2}, [["deleted"], []], [["x"], ["deleted"] * 3]),
    (
        {"$ref": "#/$defs/tree"},
        [{"word": "pending", "more": [{"word": "deleted"}]}],
        [{"word": "x"}],
    ),
    (
        {"type": "array", "prefixItems": [{"const": 1}, WORD], "items": False},
        [[1], [1, "deleted"]],
        [["deleted"]],
    ),
    ({"const": {"a": [1, None], "b": "x"}}, [{"a": [1, None], "b": "x"}], [{"a": [1], "b": "x"}]),
    (
        {
            "type": "object",
            "patternProperties": {"_id$": {"type": "integer"}, "_name$": WORD},
            "additionalProperties": False,
        },
        [{"a_id": 1}, {"a_name": "deleted", "b_id": 2}],
        [{"a_id": "x"}, {"a_name": "x"}, {"other": 1}],
    ),
    (
        {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "maxProperties": 1,
        },
        [{"a": 1}, {"b": 1}, {"z": 1}],
        [{"a": 1, "b": 1}, {"a": "x"}],
    ),
]


@pytest.mark.parametrize("name", NOTATIONS)
@pytest.mark.parametrize(("schema", "good", "bad"), CASES)
def test_a_schema_holds_in_every_notation(name, schema, good, bad):
    tool = tool_of(schema, **{"$defs": {"word": WORD, "tree": TREE}})
    for value in good:
        assert takes(name, tool, value), value
        text = answer(TEMPLATES[name], [("f", {"v": value})], (tool,))
        assert calls_of(parse(BY_NAME[name], [text], (tool,))) == [("f", {"v": value})]
    for value in bad:
        assert not takes(name, tool, value), value


@pytest.mark.parametrize("text", ["'pending'", '"deleted"'])
def test_single_quotes_hold_a_schema_too(text):
    grammar = call_grammar(BY_NAME["lfm2"], ToolUse((tool_of(WORD),)), {})
    written = f"<|tool_call_start|>[f(v={text})]<|tool_call_end|>"
    assert BYTES.takes(grammar, written)
    assert not BYTES.takes(grammar, written.replace("e", "x", 1).replace("x", "e", 1) + "'")
    assert not BYTES.takes(grammar, written.replace(text, "'other'"))


def test_single_quotes_hold_a_pattern():
    tool = tool_of({"type": "string", "pattern": "^it's [a-z]+\n$", "maxLength": 9})
    grammar = call_grammar(BY_NAME["lfm2"], ToolUse((tool,), parallel=False), {})
    for text, right in ((r"'it\'s ok\n'", True), (r"'it\'s okays\n'", False), (r"'it\'s'", False)):
        written = f"<|tool_call_start|>[f(v={text})]<|tool_call_end|>"
        assert BYTES.takes(grammar, written) is right
        if right:
            assert arguments("lfm2", written, tool) == {"v": "it's ok\n"}


def test_single_quotes_hold_lines_and_backslashes_as_they_are():
    tool = tool_of({"type": "string"})
    grammar = call_grammar(BY_NAME["lfm2"], ToolUse((tool,), parallel=False), {})
    written = "<|tool_call_start|>[f(v='a \\ b\nit\\'s')]<|tool_call_end|>"
    assert BYTES.takes(grammar, written)
    assert arguments("lfm2", written, tool) == {"v": "a \\ b\nit's"}


def test_other_names_may_begin_like_a_described_one():
    tool = tool_of({"type": "integer"}, additionalProperties={"type": "boolean"})
    for name in ("qwen3-coder", "lfm2", "gemma", "minimax-m3"):
        grammar = call_grammar(BY_NAME[name], ToolUse((tool,), parallel=False), {})
        for more, right in (({"vx": True, "w": False}, True), ({"vx": 1}, False)):
            text = answer(TEMPLATES[name], [("f", {"v": 1, **more})], (tool,))
            assert BYTES.takes(grammar, text) is right, text


MIXED = Tool(
    "f",
    None,
    {
        "type": "object",
        "properties": {
            "list": {"type": "array"},
            "flag": {"type": ["boolean", "null"]},
            "either": {"type": ["string", "array"]},
        },
    },
)


@pytest.mark.parametrize("family", ["seed-oss", "minicpm5"])
@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("list", "['a', True, None, {'k': \"it's\"}, 1.5]", ["a", True, None, {"k": "it's"}, 1.5]),
        ("list", '["a", true, null]', ["a", True, None]),
        ("list", "[]", []),
        ("flag", "None", None),
        ("flag", "false", False),
        ("either", "['x']", ["x"]),
        ("either", "a ['x']", "a ['x']"),
    ],
)
def test_python_s_values_between_tags_come_back_as_json(family, key, text, value):
    known = BY_NAME[family]
    tags = known.arguments
    written = f"{tags.opening}{key}{tags.middle}{text}{tags.closing}{tags.after}"
    whole = answer(TEMPLATES[family], [("f", {})], (MIXED,))
    place = whole.index("</function>")
    whole = whole[:place] + written + whole[place:]
    grammar = call_grammar(known, ToolUse((MIXED,)), {})
    assert BYTES.takes(grammar, whole), BYTES.prefix(grammar, whole)
    assert arguments(family, whole, MIXED) == {key: value}
    events = parse(known, [whole], (MIXED,))
    assert parse(known, whole, (MIXED,)) == events


@pytest.mark.parametrize("key", ["list", "either"])
@pytest.mark.parametrize("family", ["qwen3-coder", "seed-oss", "glm"])
def test_a_closing_tag_inside_of_a_list_is_none(family, key):
    value = [BY_NAME[family].arguments.closing, 2]
    whole = answer(TEMPLATES[family], [("f", {key: value})], (MIXED,))
    grammar = call_grammar(BY_NAME[family], ToolUse((MIXED,)), {})
    assert BYTES.takes(grammar, whole)
    assert arguments(family, whole, MIXED) == {key: value}


def test_sections_of_character_data_hold_a_schema():
    tool = tool_of({"type": "string", "pattern": "^a<b$"})
    grammar = call_grammar(BY_NAME["minicpm5"], ToolUse((tool,)), {})
    text = '<function name="f"><param name="v"><![CDATA[a<b]]></param></function>'
    assert BYTES.takes(grammar, text)
    assert not BYTES.takes(grammar, text.replace("a<b", "a<c"))


def test_what_a_notation_cannot_say_is_told():
    tool = Tool(
        "f",
        None,
        {
            "type": "object",
            "properties": {"v": {"enum": ["3", 3, "x", "null"]}, "two words": {"type": "string"}},
        },
    )
    rules = Rules()
    CallRules(rules, BY_NAME["qwen3-coder"], ToolUse((tool,)), {}).calls()
    told = {(each.keyword, each.place) for each in rules.narrowings.told()}
    field = "tools[0].function.parameters#/properties"
    assert told == {("enum", f"{field}/v/enum"), ("properties", f"{field}/two words")}
    rules = Rules()
    CallRules(rules, BY_NAME["hermes"], ToolUse((tool,)), {}).calls()
    assert rules.narrowings.told() == ()


def test_what_no_text_satisfies_is_not_begun():
    """Whoever begins to write it would never come to its end."""
    contrary = {"type": "string", "format": "date", "pattern": "^[a-z]+$"}
    tool = Tool("f", None, {"type": "object", "properties": {"v": contrary, "w": {"const": 1}}})
    for name in ("qwen3-coder", "deepseek-v3.2", "gemma", "minimax-m3"):
        grammar = call_grammar(BY_NAME[name], ToolUse((tool,), parallel=False), {})
        text = answer(TEMPLATES[name], [("f", {"v": "a", "w": 1})], (tool,))
        begun = text[: text.index("v", text.index("f")) + 4]
        assert BYTES.matcher(grammar).validate_tokens(BYTES.encode(begun)) != len(begun), name
        assert BYTES.takes(grammar, answer(TEMPLATES[name], [("f", {"w": 1})], (tool,)))


def test_patterns_that_take_long_are_looked_into_within_a_budget():
    names = [f"{'a' * 60}{index}b" for index in range(40)]
    schema = {
        "type": "object",
        "properties": {name: {"enum": [name, "x"], "pattern": "^(a+)+$|x"} for name in names},
        "patternProperties": {"^(a+)+$": {"minLength": 1}, "^(a|a?b)*c$": True},
        "additionalProperties": False,
    }
    tool = tool_of(schema)
    for name in ("gemma", "lfm2", "minimax-m3"):
        grammar = call_grammar(BY_NAME[name], ToolUse((tool,), parallel=False), {})
        for word, right in (("x", True), ("y", False), (names[3], False)):
            text = answer(TEMPLATES[name], [("f", {"v": {names[3]: word}})], (tool,))
            assert BYTES.takes(grammar, text) is right, (name, word)


@pytest.mark.parametrize("name", NOTATIONS)
def test_what_nests_deep_is_held_or_refused(name):
    schema = {"type": "string"}
    for _ in range(120):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    tool = tool_of(schema)
    try:
        grammar = call_grammar(BY_NAME[name], ToolUse((tool,)), {})
    except Failure as failure:
        assert "nested" in failure.message  # noqa: PT017
        assert failure.param == "tools[0].function.parameters"  # noqa: PT017
    else:
        assert grammar


def drawn(grammar, chance):
    """A text of the grammar; None where it takes too long, or the schema contradicts itself."""
    try:
        text = walk(grammar, chance)
        return text if text is not None and BYTES.takes(grammar, text) else None
    except ValueError as error:
        if "Unsatisfiable" in str(error):
            return None
        raise


@pytest.mark.parametrize("name", NOTATIONS)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(schema=parameters())
def test_whatever_is_drawn_is_read_back_as_the_schema_has_it(name, schema):
    tool = Tool("f", None, schema)
    try:
        grammar = call_grammar(BY_NAME[name], ToolUse((tool,), parallel=False), {})
    except Failure:
        assume(False)
    chance = random.Random(json.dumps(schema))
    for _ in range(2):
        if (text := drawn(grammar, chance)) is not None:
            found = arguments(name, text, tool)
            VALIDATOR(schema, format_checker=VALIDATOR.FORMAT_CHECKER).validate(found)
