"""Matchers that hold keys and items different, whatever is drawn: on vocabularies with tokens that
end one thing and begin and end the next."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.byte_vocabulary import Vocabulary
from colonnade.messages import Failure, LoadModel
from colonnade.prompt.constraint import build_constraint
from colonnade.prompt.forms import JsonForm
from colonnade.worker.grammar import GrammarCompiler
from colonnade.worker.llama import LlamaModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from colonnade.messages import Constraint
    from colonnade.worker.ports import Matcher

PIECES = (
    *(b'": "', b'", "', b'"a"', b'"]', b'{"', b'"}', b'"},', b' "', b', "a"', b", ", b'",', b'": '),
    *(b"ab", b"pod-", b'"pod-', b"10", b", 1", b"1,", b"true", b"false", b"1]", b"[1", b'["a", '),
    *(b'a", "', b'"a", "b"', b"00", b".0", b"\\n", b"\\u000", b'n"', b'a"', b'": 1, "', b'{"a": '),
)
SMALL = Vocabulary(pieces=PIECES)
END = 256
LIKELY = frozenset(b'abc0123456789 {}[]"\\,:-.tfnu')
CLOSING = frozenset(b'"}]')


def constraint_of(schema: Any) -> Constraint:
    found = build_constraint(JsonForm(schema, "schema"), None, None, {}, after_thought=False)
    assert found is not None
    return found


def no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)


def read(text: bytes) -> Any:
    return json.loads(text, object_pairs_hook=no_key_twice, parse_float=Decimal)


def walk(
    matcher: Matcher,
    chance: random.Random,
    names: Sequence[bytes],
    ends: set[int],
    *,
    steps: int = 150,
    likely: Callable[[int], bool],
) -> bytes | None:
    """Draw tokens until the text is whole, None where that does not come."""
    text = b""
    for _ in range(steps):
        forced = matcher.forced()
        matcher.consume(forced)
        text += b"".join(names[token] for token in forced)
        if matcher.complete:
            return text
        allowed = np.flatnonzero(matcher.mask() != 0).tolist()
        going_on = [token for token in allowed if token not in ends]
        if not going_on or (len(going_on) < len(allowed) and chance.random() < 0.5):
            return text
        closing = [token for token in going_on if names[token][-1] in CLOSING]
        if closing and chance.random() < 0.3:
            token = chance.choice(closing)
        else:
            token = chance.choice([each for each in going_on if likely(each)] or going_on)
        matcher.consume([token])
        text += names[token]
    return None


ITEMS = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "maxLength": 1},
        {"type": "string", "pattern": "^[ab]{0,2}$"},
        {"type": "string", "pattern": "^(a|\n)$"},
        {"enum": ["a", "ab", "pod-1", "pod-2"]},
        {"enum": ["a"]},
        {"enum": ["a", 1, None, True, [1], {"a": 1}]},
        {"type": "boolean"},
        {"type": "integer", "minimum": -1, "maximum": 2},
        {"type": "integer"},
        {"type": "number"},
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": ["string", "null"], "maxLength": 1},
        {"anyOf": [{"type": "boolean"}, {"enum": ["a", "b"]}]},
        {},
    ]
)
SETS = st.fixed_dictionaries(
    {"type": st.just("array"), "uniqueItems": st.just(True), "items": ITEMS},
    optional={"minItems": st.integers(0, 2), "maxItems": st.integers(2, 4)},
)
OBJECTS = st.fixed_dictionaries(
    {"type": st.just("object")},
    optional={
        "properties": st.dictionaries(st.sampled_from(["a", "b"]), ITEMS, min_size=1),
        "additionalProperties": st.one_of(st.just(False), ITEMS),
        "propertyNames": st.sampled_from([{"enum": ["a", "b", "ab"]}, {"pattern": "^[ab]{1,2}$"}]),
    },
)
SCHEMAS = st.one_of(
    SETS,
    OBJECTS,
    SETS.map(lambda inner: {"type": "array", "uniqueItems": True, "items": inner}),
    OBJECTS.map(lambda inner: {"type": "array", "uniqueItems": True, "items": inner}),
    SETS.map(lambda inner: {"type": "object", "additionalProperties": inner}),
)
WALKS = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@WALKS
@given(SCHEMAS, st.integers(0, 2**32))
def test_whatever_is_drawn_differs(schema: Any, seed: int) -> None:
    try:
        matcher = SMALL.held(constraint_of(schema))
    except (Failure, ValueError):
        return  # refused, or nothing satisfies it
    chance = random.Random(seed)
    names = [name if token != END else b"" for token, name in enumerate(SMALL.tokens)]
    validator = jsonschema.Draft202012Validator(schema)
    for _ in range(2):
        text = walk(
            matcher.branch(),
            chance,
            names,
            {END},
            likely=lambda token: token > END or token in LIKELY,
        )
        if text is not None:
            assert validator.is_valid(read(text)), text


@pytest.fixture(scope="module")
def demo() -> Iterator[LlamaModel]:
    path = files("colonnade") / "demo" / "demo.gguf"
    model = LlamaModel(LoadModel(str(path), slots=1, threads=1, ctx_size=64), lambda _: True)
    yield model
    model.close()


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "array", "uniqueItems": True, "items": {"type": "string"}},
        {"type": "array", "uniqueItems": True, "items": {"enum": ["red", "reddish", "blue", 1]}},
        {"type": "object", "propertyNames": {"enum": ["the", "then", "they"]}, "minProperties": 1},
    ],
    ids=str,
)
def test_whatever_is_drawn_from_the_embedded_vocabulary_differs(
    demo: LlamaModel, schema: Any
) -> None:
    table = demo.token_table()
    grammars = GrammarCompiler(lambda: table)
    matcher = grammars.matcher(constraint_of(schema))
    validator = jsonschema.Draft202012Validator(schema)
    chance = random.Random(7)
    texts = []
    for _ in range(40):
        text = walk(
            matcher.branch(),
            chance,
            table.names,
            set(table.ends),
            likely=lambda token: table.names[token].isascii(),
        )
        if text is not None:
            assert validator.is_valid(read(text)), text
            texts.append(text)
    assert len(set(texts)) > 3


@pytest.mark.parametrize(
    ("schema", "sizes"),
    [
        ({"enum": ["a", "ab", "abc"]}, {0, 1, 2, 3}),
        ({"type": "boolean"}, {0, 1, 2}),
        ({"type": "integer", "minimum": 3, "maximum": 4}, {0, 1, 2}),
        ({"const": [1]}, {0, 1}),
    ],
)
def test_all_there_is_may_be_said_and_no_more(schema: Any, sizes: set[int]) -> None:
    whole = {"type": "array", "uniqueItems": True, "items": schema}
    matcher = SMALL.held(constraint_of(whole))
    names = [name if token != END else b"" for token, name in enumerate(SMALL.tokens)]
    chance = random.Random(1)
    found = set()
    for _ in range(60):
        text = walk(matcher.branch(), chance, names, {END}, likely=lambda _: True)
        assert text is not None
        found.add(len(read(text)))
    assert found == sizes


def test_forced_text_and_a_token_across_items() -> None:
    schema = {"type": "array", "uniqueItems": True, "items": {"type": "string"}}
    matcher = SMALL.held(constraint_of(schema))
    matcher.consume(list(b'["a", "b'))
    across = {name: END + 1 + index for index, name in enumerate(PIECES)}
    assert matcher.accepts([across[b'", "']])
    assert matcher.accepts(list(b'", "b'))
    assert not matcher.accepts(list(b'", "b"'))
    assert not matcher.accepts([across[b'",'], across[b' "'], *b'a"'])
    branch = matcher.branch()
    branch.consume([across[b'", "']])
    assert branch.mask()[across[b'a"']] == 0
    assert branch.mask()[ord("a")] != 0
    assert matcher.mask()[across[b'", "']] != 0
