"""The harness that judges schemas: what can be written, the suite's verdicts, drawn values."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.schemas.collection import collection
from benchmarks.schemas.judging import Held, Refused, hold
from benchmarks.schemas.suite import measure
from benchmarks.schemas.values import drawn, validity

if TYPE_CHECKING:
    from pathlib import Path

PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z][a-z]+( [A-Z])?$"},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "mail": {"type": "string", "format": "email"},
        "pets": {"type": "array", "items": {"$ref": "#/definitions/pet"}, "maxItems": 2},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
    "definitions": {"pet": {"oneOf": [{"enum": ["cat", "dog"]}, {"type": "null"}]}},
}


def held(schema: Any) -> Held:
    found = hold(schema)
    assert isinstance(found, Held)
    return found


def test_keys_may_come_in_any_order_and_numbers_in_any_spelling() -> None:
    person = held(PERSON)
    value = {"age": 7.0, "name": "Ann"}
    assert not person.takes(json.dumps(value))
    assert person.writes(value)
    assert person.takes('{"name": "Ann", "age": 7}')
    assert not person.writes({"age": 7.5, "name": "Ann"})
    assert not person.writes({"age": 7})


def test_a_schema_that_cannot_be_held_to_says_why() -> None:
    found = hold({"type": "nonsense"})
    assert isinstance(found, Refused)
    assert "nonsense" in found.reason


@pytest.mark.parametrize("seed", range(5))
def test_drawn_values_are_what_they_are_said_to_be(seed: int) -> None:
    is_valid, person = validity(PERSON), held(PERSON)
    valid, invalid = drawn(PERSON, random.Random(seed), 3)
    assert len(valid) == 3
    assert invalid
    assert all(is_valid(value) and person.writes(value) for value in valid)
    assert not any(is_valid(value) or person.writes(value) for value in invalid)


def test_the_suite_is_counted_by_verdict(tmp_path: Path) -> None:
    group = {
        "description": "few",
        "schema": {"type": "integer", "if": {"multipleOf": 7}, "then": {"minimum": 70}},
        "tests": [
            {"description": "multiple", "data": 77, "valid": True},
            {"description": "too small", "data": 7, "valid": False},
            {"description": "other", "data": 8, "valid": True},
        ],
    }
    (tmp_path / "draft7").mkdir()
    (tmp_path / "draft7" / "if.json").write_text(json.dumps([group]))
    figures = measure(tmp_path, "draft7")
    assert figures.counts == {"right": 2, "narrowed": 1}
    assert figures.others == [("narrowed", "if: few: other")]


def test_definitions_of_a_large_file_are_schemas_with_what_they_need(tmp_path: Path) -> None:
    parts: dict[str, Any] = {f"p{i}": {"$ref": f"#/definitions/p{i + 1}"} for i in range(100)}
    parts["p100"] = {"type": "null"}
    (tmp_path / "many.json").write_text(json.dumps({"definitions": parts}))
    (tmp_path / "outside.json").write_text(json.dumps({"$ref": "other.json"}))
    found = {each.place: each.schema for each in collection(tmp_path, random.Random(0))}
    assert len(found) == 101
    assert found["many.json#p98"]["definitions"].keys() == {"p98", "p99", "p100"}
