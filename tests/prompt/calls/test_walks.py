"""Whatever is drawn under a grammar of calls, its arguments satisfy the tool's schema."""

import json
import random

import jsonschema
import numpy as np
import pytest

from colonnade.messages import Failure
from colonnade.prompt.calls import CallMode, Tool, ToolUse
from colonnade.prompt.calls.formats import JsonArguments, TaggedArguments
from colonnade.prompt.calls.grammar import call_grammar
from colonnade.prompt.calls.known import KNOWN
from colonnade.prompt.constraint import build_constraint
from colonnade.prompt.output import CallArguments, CallStart, Content
from colonnade.prompt.schema import Narrowings
from tests.prompt.calls.conversations import parse
from tests.prompt.calls.languages import Vocabulary

BYTES = Vocabulary()
END = 256
WALKS, STEPS = 12, 1200
LIKELY = frozenset(b'abcxyz0123456789 {}[]()<>/="\\,:|-tfn')
CLOSING = frozenset(b'<"}])\n')
SCHEMA = {
    "type": "object",
    "properties": {
        "a": {"type": ["string", "null"]},
        "b": {"type": ["string", "integer", "boolean"]},
        "c": {
            "anyOf": [
                {"type": "string", "enum": ["x", "y", "3"]},
                {"type": "integer", "minimum": 3, "maximum": 40},
            ]
        },
        "d": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 4},
        "e": {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 3},
        "f": {"enum": ["p", 1, None, True]},
        "g": {
            "type": "object",
            "properties": {"q": {"type": "string", "minLength": 1, "maxLength": 5}},
            "required": ["q"],
            "additionalProperties": False,
        },
        "h": {"type": "number", "minimum": -1, "maximum": 1},
        "i": {"const": "k k"},
    },
    "required": ["c", "f"],
}
TOOL = Tool("f", None, SCHEMA)


def walk(grammar, chance):
    """Draw bytes that the grammar allows, those that close something more often than others. None
    when the end is not reached in time."""
    matcher, written = BYTES.matcher(grammar), b""
    for _ in range(STEPS):
        if matcher.is_stopped():
            return written.decode()
        mask = np.frombuffer(matcher.compute_logit_bias(), dtype=np.uint8)
        allowed = [int(byte) for byte in np.nonzero(mask)[0] if byte < END]
        if not allowed or (mask[END] and chance.random() < 0.5):
            return written.decode()
        likely = [byte for byte in allowed if byte in LIKELY] or allowed
        closing = [byte for byte in likely if byte in CLOSING]
        byte = chance.choice(closing if closing and chance.random() < 0.35 else likely)
        assert matcher.consume_token(byte)
        written += bytes([byte])
    return None


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_whatever_is_drawn_satisfies_the_schema(known):
    grammar = call_grammar(known, ToolUse((TOOL,), parallel=False), {})
    chance = random.Random(known.name)
    texts = [text for _ in range(WALKS) if (text := walk(grammar, chance)) is not None]
    assert texts
    for text in texts:
        events = parse(known, [text], (TOOL,))
        assert sum(isinstance(event, CallStart) for event in events) == 1
        assert not any(isinstance(event, Content) for event in events), text
        pieces = [event.text for event in events if isinstance(event, CallArguments)]
        jsonschema.validate(json.loads("".join(pieces)), SCHEMA)


SETS = {
    "type": "object",
    "properties": {
        "tags": {"type": "array", "items": {"enum": ["a", "ab", "b"]}, "uniqueItems": True},
        "open": {"type": "object", "additionalProperties": {"type": "boolean"}},
    },
    "required": ["tags", "open"],
}
HELD = [
    each
    for each in KNOWN
    if isinstance(each.arguments, JsonArguments)
    or (isinstance(each.arguments, TaggedArguments) and not each.arguments.python)
]


def no_key_twice(pairs):
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)


@pytest.mark.parametrize("known", HELD, ids=lambda known: known.name)
def test_arguments_in_json_repeat_no_key_and_no_item(known):
    tools = Tool("f", None, SETS), Tool("other", None, {"type": "object"})
    use = ToolUse(tools, CallMode.REQUIRED, allowed=frozenset("f"), parallel=False)
    constraint = build_constraint(None, use, known, {}, after_thought=False)
    assert constraint.differences is not None
    chance = random.Random(known.name)
    lengths = set()
    for _ in range(16):
        matcher, written = BYTES.held(constraint), b""
        for _ in range(600):
            if matcher.complete:
                break
            allowed = [int(byte) for byte in np.flatnonzero(matcher.mask()) if byte < END]
            if not allowed:
                break
            likely = [byte for byte in allowed if byte in b'ab {}[]"\\,:<>/=-tf\n'] or allowed
            byte = chance.choice(likely)
            matcher.consume([byte])
            written += bytes([byte])
        events = parse(known, [written.decode(errors="replace")], (tools[0],))
        text = "".join(event.text for event in events if isinstance(event, CallArguments))
        try:
            value = json.loads(text, object_pairs_hook=no_key_twice)
        except json.JSONDecodeError:  # not at its end yet
            continue
        jsonschema.validate(value, SETS)
        lengths.add(len(value["tags"]))
    assert max(lengths, default=0) > 1


@pytest.mark.parametrize(
    "known", [each for each in KNOWN if each not in HELD], ids=lambda k: k.name
)
def test_sets_in_notations_of_their_own_have_one_item_and_that_is_told(known):
    narrowings = Narrowings()
    use = ToolUse((Tool("f", None, SETS),), CallMode.REQUIRED)
    build_constraint(None, use, known, {}, after_thought=False, narrowings=narrowings)
    assert [each.keyword for each in narrowings.told()] == ["uniqueItems"]
    pair = {**SETS["properties"]["tags"], "minItems": 2}
    tool = Tool("f", None, {**SETS, "properties": {**SETS["properties"], "tags": pair}})
    with pytest.raises(Failure, match="different items"):
        build_constraint(None, ToolUse((tool,)), known, {}, after_thought=False)
