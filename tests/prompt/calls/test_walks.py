"""Whatever is drawn under a grammar of calls, its arguments satisfy the tool's schema."""

import json
import random

import jsonschema
import numpy as np
import pytest

from colonnade.prompt.calls import Tool, ToolUse
from colonnade.prompt.calls.grammar import call_grammar
from colonnade.prompt.calls.known import KNOWN
from colonnade.prompt.output import CallArguments, CallStart, Content
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
