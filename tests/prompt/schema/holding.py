"""What a prepared schema takes, through the compiler of grammars with a vocabulary of bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from colonnade.prompt.schema import embed, prepare_schema
from tests.prompt.calls.languages import Vocabulary

if TYPE_CHECKING:
    import random

    from llguidance import LLMatcher

BYTES = Vocabulary()
_END = 256
_LIKELY = frozenset(b'abxyz0123456789 {}[]"\\,:-.tfnE')
_CLOSING = frozenset(b'"}]')


def grammar_of(schema: Any) -> str:
    """The grammar of a schema as a request gives it."""
    return f"start: %json {embed(prepare_schema(schema, param='schema'))}"


def takes(schema: Any, value: Any) -> bool:
    """Whether a value may be said, its keys in the order given."""
    return BYTES.takes(grammar_of(schema), json.dumps(value, ensure_ascii=False))


def walk(matcher: LLMatcher, chance: random.Random, steps: int = 400) -> str | None:
    """Draw bytes that are allowed, until the text is whole; None where that does not come."""
    written = b""
    for _ in range(steps):
        if matcher.is_stopped():
            return written.decode()
        mask = np.frombuffer(matcher.compute_logit_bias(), dtype=np.uint8)
        allowed = [int(byte) for byte in np.flatnonzero(mask != 0) if byte < _END]
        if not allowed or (mask[_END] and chance.random() < 0.5):
            return written.decode()
        likely = [byte for byte in allowed if byte in _LIKELY] or allowed
        closing = [byte for byte in likely if byte in _CLOSING]
        byte = chance.choice(closing if closing and chance.random() < 0.4 else likely)
        if not matcher.consume_token(byte):
            assert "Too many items" in matcher.get_error()  # nothing but itself, again and again
            return None
        written += bytes([byte])
    return None
