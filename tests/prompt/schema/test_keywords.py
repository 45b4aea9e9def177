"""What becomes of each keyword: which values may be said under a schema, and which never."""

import json
import time
from typing import Any

import jsonschema
import pytest

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.schema import SchemaLimits, embed, prepare_schema
from tests.prompt.schema.holding import BYTES, grammar_of, takes

OLD = "http://json-schema.org/draft-07/schema#"
OLDEST = "http://json-schema.org/draft-04/schema#"
NEWEST = "https://json-schema.org/draft/2020-12/schema"
NAMES = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}

CASES: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "oneOf apart by type": (
        {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        ["x", 3],
        [True, None, 1.5],
    ),
    "oneOf apart by a constant": (
        {
            "oneOf": [
                {"properties": {"k": {"const": "a"}, "x": {"type": "string"}}, "required": ["k"]},
                {"properties": {"k": {"const": "b"}, "x": {"type": "number"}}, "required": ["k"]},
            ],
            "type": "object",
        },
        [{"k": "a", "x": "t"}, {"k": "b", "x": 1}],
        [{"k": "a", "x": 1}, {"k": "c"}, {}],
    ),
    "oneOf of listed and free text": (
        {"oneOf": [{"enum": ["a", "ab"]}, {"type": "string"}]},
        ["b", "abc", ""],
        ["a", "ab", 3],
    ),
    "oneOf of requirements": (
        {
            **NAMES,
            "additionalProperties": False,
            "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
        [{"a": 1}, {"b": 1}],
        [{"a": 1, "b": 1}, {}],
    ),
    "oneOf of ranges": (
        {"type": "integer", "oneOf": [{"maximum": 5}, {"minimum": 3}]},
        [1, 9],
        [3, 4, 5],
    ),
    "not a type": ({"not": {"type": "string"}}, [1, None, [], {}], ["x", ""]),
    "not a constant": ({"type": "string", "not": {"const": "no"}}, ["yes", "n", "nope"], ["no"]),
    "not some numbers": ({"type": "integer", "not": {"enum": [1, 2]}}, [0, 3], [1, 2]),
    "not required": ({**NAMES, "not": {"required": ["a"]}}, [{"b": 1}, {}], [{"a": 1}]),
    "not both": (
        {**NAMES, "not": {"required": ["a", "b"]}},
        [{"a": 1}, {"b": 1}],
        [{"a": 1, "b": 1}],
    ),
    "not long": ({"type": "string", "not": {"minLength": 3}}, ["", "ab"], ["abc"]),
    "not any of": (
        {"not": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
        [1, True],
        ["x", None],
    ),
    "if and then": (
        {
            "type": "object",
            "properties": {"k": {"enum": ["a", "b"]}, "x": {"type": "integer"}},
            "required": ["k"],
            "additionalProperties": False,
            "if": {"properties": {"k": {"const": "a"}}},
            "then": {"required": ["x"]},
        },
        [{"k": "a", "x": 1}, {"k": "b"}, {"k": "b", "x": 2}],
        [{"k": "a"}, {}],
    ),
    "dependentRequired": (
        {**NAMES, "dependentRequired": {"a": ["b"]}},
        [{}, {"b": 1}, {"a": 1, "b": 2}],
        [{"a": 1}],
    ),
    "dependencies of older drafts": (
        {"$schema": OLD, **NAMES, "dependencies": {"a": {"required": ["b"]}}},
        [{"b": 1}, {"a": 1, "b": 2}],
        [{"a": 1}],
    ),
    "contains": (
        {"type": "array", "contains": {"const": "x"}, "items": {"type": "string"}},
        [["x"], ["x", "y"], ["y", "x"], ["a", "b", "c", "x", "x", "d"]],
        [[], ["y"], ["y", "z"]],
    ),
    "contains at most": (
        {"type": "array", "contains": {"const": 1}, "maxContains": 1, "items": {"type": "integer"}},
        [[1], [1, 2, 3], [2, 1, 3]],
        [[1, 1], [1, 2, 1], [2]],
    ),
    "contains two or three": (
        {"type": "array", "contains": {"const": 1}, "minContains": 2, "maxContains": 3},
        [[1, 1], [1, 2, 1], [2, 1, 1, 2, 1]],
        [[1], [1, 1, 1, 1], [2, 2], []],
    ),
    "contains none": ({"contains": {"const": 1}, "minContains": 0}, [[], [2], "x"], []),
    "oneOf of whole and large numbers": (
        {"oneOf": [{"type": "integer"}, {"minimum": 2}], "type": "number"},
        [1, 2.5, -3],
        [3, 1.5],
    ),
    "propertyNames by pattern": (
        {
            "type": "object",
            "propertyNames": {"pattern": "^x-"},
            "additionalProperties": {"type": "string"},
        },
        [{}, {"x-a": "b"}],
        [{"a": "b"}, {"x-a": 1}],
    ),
    "propertyNames by list": (
        {"type": "object", "propertyNames": {"enum": ["a", "b"]}},
        [{"a": 1}, {"a": 1, "b": "x"}],
        [{"c": 1}],
    ),
    "minProperties": (
        {**NAMES, "additionalProperties": False, "minProperties": 1},
        [{"a": 1}, {"b": 1}],
        [{}],
    ),
    "maxProperties": (
        {**NAMES, "additionalProperties": False, "maxProperties": 1},
        [{}, {"a": 1}],
        [{"a": 1, "b": 1}],
    ),
    "uniqueItems of listed values": (
        {"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True},
        [[], ["a"], ["a", "c"], ["c", "a"], ["b", "c", "a"]],
        [["a", "a"], ["b", "b"], ["a", "b", "a"]],
    ),
    "uniqueItems of free content": (
        {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        [[], ["a"], ["b", "a"], ["a", "A", ""]],
        [["a", "a"], ["\n", "", "\n"]],
    ),
    "uniqueItems of numbers": (
        {"type": "array", "items": {"type": "number"}, "uniqueItems": True},
        [[1, 2, 10, 1.5], [0, -1, 0.1]],
        [[1, 1.0], [0, -0.0], [100, 1e2]],
    ),
    "uniqueItems of anything": (
        {"uniqueItems": True},
        [[1, True, "1", None], [[1], [1, 1], {}], [{"a": 1}, {"a": 2}], {"a": [1, 1]}, "x"],
        [[{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}], [[], 1, []], [None, None]],
    ),
    "uniqueItems deep inside": (
        {
            "type": "object",
            "properties": {"a": {"items": {"$ref": "#/$defs/set"}}, "b": {"type": "array"}},
            "$defs": {"set": {"type": "array", "uniqueItems": True}},
        },
        [{"a": [[1, 2], [1, 2]], "b": [1, 1]}, {"z": [1, 1]}],
        [{"a": [[1], [2, 2]]}, {"a": [[], ["x", "y", "x"]]}],
    ),
    "uniqueItems beside prefixItems": (
        {
            "type": "array",
            "prefixItems": [{"type": "string"}, {"enum": ["a", "b"]}],
            "minItems": 2,
            "uniqueItems": True,
        },
        [["a", "b"], ["x", "a", "b", 1]],
        [["a", "a"], ["x", "a", "x"]],
    ),
    "unevaluatedProperties": (
        {
            "allOf": [{"properties": {"a": {"type": "integer"}}}],
            "type": "object",
            "properties": {"b": {"type": "integer"}},
            "unevaluatedProperties": False,
        },
        [{"b": 1}, {}],
        [{"c": 1}, {"b": 1, "c": 1}],
    ),
    "a format beside a length": (
        {"type": "string", "format": "email", "maxLength": 12},
        ["a@b.example"],
        ["not an email", "a", "name@b.example"],
    ),
    "a format beside a pattern": (
        {"type": "string", "format": "date", "pattern": "^2026"},
        ["2026-01-31"],
        ["2025-01-31", "2026-01-32", "2026"],
    ),
    "a format beside values": (
        {"enum": ["2026-01-31", "x", 3], "format": "date"},
        ["2026-01-31", 3],
        ["x"],
    ),
    "unknown format": ({"type": "string", "format": "color-hex"}, ["red"], [1]),
    "draft 4's exclusive bounds": (
        {"$schema": OLDEST, "type": "integer", "minimum": 3, "exclusiveMinimum": True},
        [4],
        [3, 2],
    ),
    "items one by one": (
        {"$schema": OLD, "type": "array", "items": [{"type": "string"}], "additionalItems": False},
        [["x"], []],
        [[1], ["x", "y"]],
    ),
    "beside a reference": (
        {"$defs": {"n": {"type": "integer"}}, "$ref": "#/$defs/n", "minimum": 3},
        [3],
        [2, "x"],
    ),
    "beside a reference, formerly": (
        {
            "$schema": OLD,
            "definitions": {"n": {"type": "integer"}},
            "items": {"$ref": "#/definitions/n", "minimum": 3},
        },
        [[2]],
        [["x"]],
    ),
    "anchors": (
        {"$defs": {"n": {"$anchor": "num", "type": "integer"}}, "items": {"$ref": "#num"}},
        [[1], "free"],
        [["x"]],
    ),
    "identifiers": (
        {
            "$id": "http://a.example/root",
            "$defs": {"n": {"$id": "sub", "type": "integer"}},
            "items": {"$ref": "sub"},
        },
        [[1]],
        [["x"]],
    ),
    "recursion": (
        {
            "$defs": {
                "node": {
                    "type": "object",
                    "properties": {"v": {"type": "integer"}, "next": {"$ref": "#/$defs/node"}},
                    "required": ["v"],
                    "additionalProperties": False,
                }
            },
            "$ref": "#/$defs/node",
        },
        [{"v": 1}, {"v": 1, "next": {"v": 2, "next": {"v": 3}}}],
        [{"v": 1, "next": {}}, {"next": {"v": 1}}],
    ),
    "recursion joined with more": (
        {
            "$defs": {
                "node": {
                    "type": "object",
                    "properties": {
                        "next": {"allOf": [{"$ref": "#/$defs/node"}, {"required": ["next"]}]}
                    },
                }
            },
            "$ref": "#/$defs/node",
        },
        [{}],
        [{"next": {}}, {"next": 3}],
    ),
    "patterns of one name": (
        {"type": "object", "patternProperties": {"a": {"type": "integer"}, "b": {"minimum": 3}}},
        [{"ab": 4}],
        [{"ab": 1}, {"ab": "x"}],
    ),
    "patterns of names told apart by their ends": (
        {
            "type": "object",
            "patternProperties": {"_id$": {"type": "integer"}, "_name$": {"type": "string"}},
            "additionalProperties": False,
        },
        [{}, {"a_id": 1}, {"a_name": "x"}, {"a_id": 1, "b_name": "x"}],
        [{"a_id": "x"}, {"a_name": 1}, {"a": 1}],
    ),
    "patterns of names that overlap": (
        {"patternProperties": {"a": {"type": "integer"}, "b$": {"minimum": 3}, "^c": True}},
        [{"a": 1}, {"b": 4}, {"ab": 5}, {"b": "x"}, {"cab": 3}, {"x": None}],
        [{"ab": 1}, {"ab": "x"}, {"cb": 1}, {"ca": "x"}],
    ),
    "propertyNames beside patterns": (
        {
            "type": "object",
            "propertyNames": {"minLength": 2, "not": {"const": "ab"}},
            "patternProperties": {"^a": {"type": "integer"}},
            "additionalProperties": {"type": "string"},
        },
        [{"aa": 1}, {"bb": "x"}],
        [{"a": 1}, {"ab": 1}, {"aa": "x"}, {"b": "x"}, {"bb": 1}],
    ),
    "not a pattern": ({"type": "string", "not": {"pattern": "^a+$"}}, ["", "ab"], ["a", "aa"]),
    "oneOf told apart by patterns": (
        {"oneOf": [{"pattern": "^a"}, {"pattern": "b$"}], "type": "string"},
        ["a", "b"],
        ["ab", "c"],
    ),
    "a look-ahead": (
        {"type": "string", "pattern": r"^(?!con$|aux$)(?=.*x)[a-z]+$"},
        ["ax", "auxx"],
        ["aux", "con", "x1", "a"],
    ),
    "edges of words": ({"type": "string", "pattern": r"\bcat\b"}, ["a cat", "cat"], ["concat"]),
    "oneOf of lists of words": (
        {
            "oneOf": [
                {"properties": {"c": {"items": {"enum": ["size", "name"]}, "type": "array"}}},
                {"properties": {"c": {"items": {"enum": ["deleted"]}, "type": "array"}}},
            ],
            "type": "object",
            "required": ["c"],
        },
        [{"c": ["size"]}, {"c": ["deleted"]}, {"c": ["deleted", "deleted"]}],
        [{"c": []}, {"c": ["size", "deleted"]}, {"c": ["x"]}],
    ),
    "oneOf of closed objects": (
        {
            "oneOf": [
                {"properties": {"a": {}, "b": {}}, "additionalProperties": False},
                {"properties": {"a": {}, "c": {}}, "additionalProperties": False},
            ],
            "type": "object",
        },
        [{"b": 1}, {"a": 1, "b": 1}, {"c": 1}],
        [{}, {"a": 1}, {"b": 1, "c": 1}],
    ),
    "maxProperties of open objects": (
        {"type": "object", "properties": {"a": {}, "b": {}}, "maxProperties": 1},
        [{}, {"a": 1}, {"b": "x"}, {"z": "x"}],
        [{"a": 1, "b": 1}, {"a": 1, "z": 1}, {"y": 1, "z": 1}],
    ),
    "minProperties of open objects": (
        {"type": "object", "properties": {"a": {}, "b": {}}, "minProperties": 1},
        [{"a": 1}, {"b": "x"}, {"z": "x"}, {"a": 1, "z": 1}],
        [{}],
    ),
    "two or three of five properties": (
        {
            "type": "object",
            "properties": dict.fromkeys("abcde", True),
            "additionalProperties": False,
            "minProperties": 2,
            "maxProperties": 3,
        },
        [{"a": 1, "e": 1}, {"b": 1, "c": 1, "d": 1}],
        [{}, {"a": 1}, dict.fromkeys("abcd", 1)],
    ),
    "all but one of many properties": (
        {
            "type": "object",
            "properties": dict.fromkeys("abcdefghijkl", True),
            "additionalProperties": False,
            "maxProperties": 11,
        },
        [{}, dict.fromkeys("abcdefghijk", 1), dict.fromkeys("bcdefghijkl", 1)],
        [dict.fromkeys("abcdefghijkl", 1)],
    ),
    "unevaluatedProperties beside branches": (
        {
            "type": "object",
            "properties": {"a": {}},
            "anyOf": [
                {"properties": {"b": {"type": "integer"}}, "required": ["b"]},
                {"properties": {"c": {"type": "integer"}}, "required": ["c"]},
            ],
            "unevaluatedProperties": False,
        },
        [{"a": 1, "b": 1}, {"b": 1, "c": 1}, {"c": 2}],
        [{}, {"a": 1}, {"b": 1, "c": "x"}, {"b": 1, "d": 1}],
    ),
    "unevaluatedProperties beside if": (
        {
            "type": "object",
            "if": {"properties": {"k": {"const": "a"}}, "required": ["k"]},
            "then": {"properties": {"x": {}}},
            "else": {"properties": {"y": {}}},
            "unevaluatedProperties": False,
        },
        [{"k": "a", "x": 1}, {"y": 1}, {}],
        [{"k": "a", "y": 1}, {"x": 1}, {"k": "b"}],
    ),
    "unevaluatedItems": (
        {
            "type": "array",
            "prefixItems": [{"type": "string"}],
            "anyOf": [{"prefixItems": [True, {"type": "integer"}], "minItems": 2}, True],
            "unevaluatedItems": False,
        },
        [["a"], ["a", 1], []],
        [["a", "b"], ["a", 1, 1]],
    ),
    "pattern with a class": (
        {"type": "string", "pattern": r"^\d{2}[^\]a-c/]\/$"},
        ["12x/"],
        ["1xx/", "12b/"],
    ),
    "no if in draft 4": (
        {
            "$schema": OLDEST,
            "type": "object",
            "if": {"required": ["a"]},
            "then": {"required": ["b"]},
        },
        [{"a": 1}, {}],
        [1],
    ),
    "no const in draft 4": ({"$schema": OLDEST, "type": "integer", "const": 3}, [3, 4], ["x"]),
    "no dependencies since 2019": (
        {"$schema": NEWEST, "type": "object", "dependencies": {"a": ["b"]}},
        [{"a": 1}, {}],
        [1],
    ),
    "draft 3": (
        {
            "$schema": "http://json-schema.org/draft-03/schema#",
            "extends": {"properties": {"n": {"divisibleBy": 3, "required": True}}},
            "properties": {"x": {"type": ["string", {"maximum": 3}], "disallow": "null"}},
        },
        [{"x": "a", "n": 6}, {"x": 2, "n": 3}],
        [{"x": 2, "n": 4}, {"x": "a"}, {"x": None, "n": 3}],
    ),
    "equal numbers": ({"type": "integer", "enum": [1.0, 2]}, [1, 2], [3, "1"]),
    "an equal number in a list": ({"const": [1.0, {"a": 2.0}]}, [[1, {"a": 2}]], [[1, {"a": 3}]]),
    "a bound of 300 digits": ({"type": "integer", "maximum": 10**300}, [-5, 10**18], ["x"]),
    "unsigned numbers of 64 bits": (
        {"type": "integer", "minimum": 0, "maximum": 2**64 - 1},
        [0, 2**62],
        [-1, 2**64],
    ),
    "true": (True, [1, "x", None], []),
    "JSON of any kind": ({}, [1, {"a": [True]}], []),
    "safe integers": (
        {"type": "integer", "minimum": -9007199254740991, "maximum": 9007199254740991},
        [0, 9007199254740991],
        [9007199254740993, 1.5],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_may_be_said_and_what_never(name: str) -> None:
    schema, good, bad = CASES[name]
    known = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
    validator = known(schema, format_checker=jsonschema.FormatChecker(["date", "email"]))
    assert all(validator.is_valid(value) for value in good), "the test itself"
    assert not any(validator.is_valid(value) for value in bad), "the test itself"
    for value in good:
        assert takes(schema, value), value
    for value in bad:
        assert not takes(schema, value), value


def integers(names: str) -> dict[str, Any]:
    return {name: {"type": "integer"} for name in names}


ORDERED: dict[str, tuple[Any, list[str]]] = {
    "required and anyOf before": (
        {
            "required": ["c"],
            "anyOf": [{"required": ["b"]}, {"properties": {"a": {"minimum": 0}}}],
            "properties": integers("abc"),
        },
        ["abc", "bc", "ac"],
    ),
    "branches": (
        {
            "oneOf": [
                {"properties": integers("abc"), "required": ["c"]},
                {"properties": integers("abd"), "required": ["b"]},
            ],
            "type": "object",
        },
        ["ab", "ac", "abd"],
    ),
    "dependencies": (
        {
            "dependentRequired": {"c": ["b"]},
            "dependentSchemas": {"b": {"properties": {"a": {"minimum": 0}}}},
            "properties": integers("abc"),
        },
        ["abc", "bc", "ab"],
    ),
    "what is taken in first": (
        {
            "$defs": {"base": {"properties": integers("ab")}},
            "allOf": [{"$ref": "#/$defs/base"}],
            "properties": {"c": {"type": "integer"}},
            "required": ["c"],
        },
        ["abc", "bc"],
    ),
    "if and not": (
        {
            "if": {"required": ["c"]},
            "then": {"required": ["b"]},
            "not": {"required": ["d"]},
            "properties": integers("abc"),
        },
        ["abc", "bc", "ab"],
    ),
}


@pytest.mark.parametrize("name", ORDERED)
def test_properties_come_in_the_order_of_the_schema_whichever_branch_holds(name: str) -> None:
    schema, orders = ORDERED[name]
    for names in orders:
        assert takes(schema, dict.fromkeys(names, 1)), names
        assert not takes(schema, dict.fromkeys(reversed(names), 1)), names


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"items": schema}
    return schema


BAD: dict[str, tuple[Any, str]] = {
    "reference to nowhere": ({"properties": {"a": {"$ref": "#/$defs/x"}}}, "#/properties/a/.ref"),
    "reference to a URL": ({"$ref": "https://elsewhere.example/x.json"}, "leads out of it"),
    "no type": ({"type": "text"}, "#/type"),
    "type of another kind": ({"type": 3}, "#/type"),
    "properties that are none": ({"properties": [1]}, "#/properties"),
    "required that is a word": ({"required": "a"}, "#/required"),
    "a property that is no schema": ({"properties": {"a": 5}}, "#/properties/a"),
    "a list of no schemas": ({"anyOf": {"type": "string"}}, "#/anyOf"),
    "no value": ({"enum": []}, "#/enum"),
    "a negative length": ({"type": "string", "minLength": -1}, "#/minLength"),
    "half a length": ({"type": "string", "maxLength": 1.5}, "#/maxLength"),
    "a bound that is a text": ({"minimum": "3"}, "#/minimum"),
    "a look-ahead in a loop of nothing": ({"pattern": "^(?:(?!a)|b)*$"}, "looks around"),
    "a back reference": ({"pattern": r"(a)\1"}, "unknown escape"),
    "a pattern that does not end": ({"pattern": "[a"}, "does not end"),
    "not what cannot be said": ({"type": "integer", "not": {"multipleOf": 3}}, "#/not"),
    "oneOf that overlaps": ({"oneOf": [{"multipleOf": 2}, {"multipleOf": 3}]}, "oneOf"),
    "numbers beyond 64 bits": ({"type": "integer", "minimum": 10**300}, "#/minimum"),
    "a divisor of many digits": ({"multipleOf": 0.123456789012}, "#/multipleOf"),
    "too deep": (deep(20_000), "deep"),
    "too deep for the stack": (deep(255), "deep"),
    "too large": ({"enum": ["x" * 5_000_000]}, "bytes"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused_says_where(name: str) -> None:
    schema, words = BAD[name]
    begun = time.monotonic()
    with pytest.raises(Failure, match=words) as caught:
        prepare_schema(schema, param="the.field")
    assert caught.value.kind is FailureKind.INVALID_REQUEST
    assert caught.value.param == "the.field"
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 5, "maximum": 3},
        {"type": "string", "minLength": 5, "maxLength": 3},
        {"type": "array", "minItems": 2, "maxItems": 1},
        {"type": "object", "required": ["a"], "properties": {"a": False}},
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"not": {}},
        {"oneOf": [True, {}]},
        False,
    ],
)
def test_contradictions_are_no_grammar(schema: Any) -> None:
    with pytest.raises(ValueError, match=r"[Uu]nsatisfiable"):
        BYTES.matcher(grammar_of(schema))


def test_alternatives_do_not_multiply_without_end() -> None:
    """Each of many overlapping branches has to exclude all others."""
    branches = [{"required": [f"p{i}", f"q{i}", f"r{i}"]} for i in range(250)]
    begun = time.monotonic()
    with pytest.raises(Failure, match="too long"):
        prepare_schema({"type": "object", "oneOf": branches}, param="x")
    assert time.monotonic() - begun < 10


def test_a_schema_of_100_kilobytes() -> None:
    field = {"type": "string", "pattern": "^[a-z]{3,12}-[0-9]+$"}
    parts = {
        f"part{i}": {"type": "object", "properties": {f"field{i}_{j}": field for j in range(20)}}
        for i in range(80)
    }
    schema = {"type": "object", "properties": parts}
    assert len(json.dumps(schema)) > 100_000
    begun = time.monotonic()
    text = embed(prepare_schema(schema, param="x"))
    assert time.monotonic() - begun < 5
    assert len(text) > 100_000


def _tagged(number: int) -> dict[str, Any]:
    properties = {"kind": {"const": f"k{number}"}, "text": {"type": "string"}}
    return {"type": "object", "properties": properties, "required": ["kind"]}


HONEST: dict[str, Any] = {
    "objects apart by a constant": {"oneOf": [_tagged(number) for number in range(800)]},
    "the same by reference": {
        "$defs": {f"d{number}": _tagged(number) for number in range(800)},
        "oneOf": [{"$ref": f"#/$defs/d{number}"} for number in range(800)],
    },
    "two long lists": {"oneOf": [{"enum": list(range(4000))}, {"enum": list(range(3990, 7990))}]},
    "names apart by their beginnings": {
        "patternProperties": {f"^x{number}-": {"minimum": number} for number in range(150)}
    },
    "many constants": {"oneOf": [{"const": number} for number in range(4000)]},
}


@pytest.mark.parametrize("name", HONEST)
def test_what_is_told_apart_by_hash_is_prepared_within_few_steps(name: str) -> None:
    limits = SchemaLimits(max_steps=60_000)
    BYTES.matcher(f"start: %json {embed(prepare_schema(HONEST[name], param='x', limits=limits))}")


def test_values_of_one_list_alone() -> None:
    schema = {"oneOf": [{"enum": [1, "a", [1.0]]}, {"enum": ["a", 1.0, 2, [1]]}]}
    assert takes(schema, 2)
    assert not any(takes(schema, value) for value in (1, "a", [1]))


def _chain(links: int) -> dict[str, Any]:
    """Each link has two ways, of which one is not the link before."""
    parts: dict[str, Any] = {"d0": {"type": "string"}}
    for number in range(1, links):
        before = {"$ref": f"#/$defs/d{number - 1}"}
        ways = [{"properties": {"a": before}}, {"not": {"properties": {"b": before}}}]
        parts[f"d{number}"] = {"oneOf": ways}
    return {"$defs": parts, "$ref": f"#/$defs/d{links - 1}"}


def test_chains_that_double_at_each_link_are_refused_within_the_budget() -> None:
    begun = time.thread_time()
    with pytest.raises(Failure, match=r"too large|too long") as caught:
        prepare_schema(_chain(40), param="x")
    assert len(str(caught.value)) < 500
    assert time.thread_time() - begun < 5


def test_limits_can_be_set() -> None:
    with pytest.raises(Failure, match="deep"):
        prepare_schema(deep(5), param="x", limits=SchemaLimits(max_depth=4))
    assert prepare_schema(deep(4), param="x", limits=SchemaLimits(max_depth=6))
