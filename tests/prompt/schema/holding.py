"""What a prepared schema takes, through the compiler of grammars with a vocabulary of bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from colonnade.messages import Failure
from colonnade.prompt.constraint import build_constraint
from colonnade.prompt.forms import JsonForm
from tests.prompt.calls.languages import Vocabulary

if TYPE_CHECKING:
    import random

    from colonnade.messages import Constraint
    from colonnade.worker.ports import Matcher

BYTES = Vocabulary()
_END = 256
_LIKELY = frozenset(b'abxyz0123456789 {}[]"\\,:-.tfnE')
_CLOSING = frozenset(b'"}]')


def constraint_of(schema: Any) -> Constraint:
    """What a request with a schema is held to."""
    constraint = build_constraint(JsonForm(schema, "schema"), None, None, {}, after_thought=False)
    assert constraint is not None
    return constraint


def grammar_of(schema: Any) -> str:
    """The grammar of a schema as a request gives it."""
    return constraint_of(schema).grammar


def takes(schema: Any, value: Any) -> bool:
    """Whether a value may be said, its keys in the order given."""
    return BYTES.allows(constraint_of(schema), json.dumps(value, ensure_ascii=False))


def walk(matcher: Matcher, chance: random.Random, steps: int = 400) -> str | None:
    """Draw bytes that are allowed, until the text is whole; None where that does not come."""
    written = b""
    for _ in range(steps):
        if matcher.complete:
            return written.decode()
        mask = matcher.mask()
        allowed = [int(byte) for byte in np.flatnonzero(mask != 0) if byte < _END]
        if not allowed or (mask[_END] and chance.random() < 0.5):
            return written.decode()
        likely = [byte for byte in allowed if byte in _LIKELY] or allowed
        closing = [byte for byte in likely if byte in _CLOSING]
        byte = chance.choice(closing if closing and chance.random() < 0.4 else likely)
        try:
            matcher.consume([byte])
        except Failure as failure:
            if "Too many items" not in failure.message:  # nothing but itself, again and again
                raise
            return None
        written += bytes([byte])
    return None
