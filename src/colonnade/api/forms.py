"""From the fields that ask for a form of the answer to that form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from colonnade.api.schema.forms import JsonObjectForm, JsonSchemaForm
from colonnade.messages import Failure, FailureKind, GrammarSyntax
from colonnade.prompt.forms import ChoiceForm, GrammarForm, JsonForm, RegexForm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.api.schema.forms import ResponseFormat, StructuredOutputs
    from colonnade.api.schema.requests import GenerationFields
    from colonnade.prompt.forms import Form

_OBJECT = {"type": "object"}
_GBNF = re.compile(r"^[^\S\n]*[\w-]+[^\S\n]*::=", re.MULTILINE)
"""A rule of llama.cpp's notation, which begins in one line; the other one is Lark's."""


def form(request: GenerationFields) -> Form | None:
    """The form that the answer must have, None for any.

    Raises:
        Failure: more than one is asked for, or one that makes no sense.
    """
    found = list(_forms(request))
    if len(found) > 1:
        names = " and ".join(repr(each.param) for each in found)
        msg = f"{names} each ask for a form of the answer: only one can be had."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param=found[1].param)
    return found[0] if found else None


def _forms(request: GenerationFields) -> Iterator[Form]:
    if request.response_format is not None:
        yield from _response_format(request.response_format)
    if request.structured_outputs is not None:
        yield from _structured(request.structured_outputs)
    for name in ("json_schema", "guided_json"):
        given = getattr(request, name)
        if given is not None:
            yield JsonForm(_schema(given, name), name)
    for name in ("regex", "guided_regex"):
        if pattern := getattr(request, name):
            yield RegexForm(pattern, name)
    for name in ("grammar", "guided_grammar"):
        if text := getattr(request, name):
            yield _grammar(text, name)
    if request.guided_choice is not None:
        yield _choice(request.guided_choice, "guided_choice")


def _response_format(wish: ResponseFormat) -> Iterator[Form]:
    if isinstance(wish, JsonObjectForm):
        given = wish.schema is not None
        param = "response_format.schema" if given else "response_format"
        yield JsonForm(wish.schema if wish.schema is not None else _OBJECT, param)
    elif isinstance(wish, JsonSchemaForm):
        named = wish.json_schema
        schema = wish.schema if named is None or named.schema is None else named.schema
        param = "response_format.json_schema.schema"
        if schema is None:
            msg = f"{param!r} is required."
            raise Failure(FailureKind.INVALID_REQUEST, msg, param=param)
        yield JsonForm(schema, param)


def _structured(wish: StructuredOutputs) -> Iterator[Form]:
    if wish.structural_tag is not None:
        msg = "Structural tags are not supported: tools do what they are for."
        raise Failure(FailureKind.UNSUPPORTED, msg, param="structured_outputs.structural_tag")
    if wish.json is not None:
        name = "structured_outputs.json"
        yield JsonForm(_schema(wish.json, name), name)
    if wish.json_object:
        yield JsonForm(_OBJECT, "structured_outputs.json_object")
    if wish.regex:
        yield RegexForm(wish.regex, "structured_outputs.regex")
    if wish.grammar:
        yield _grammar(wish.grammar, "structured_outputs.grammar")
    if wish.choice is not None:
        yield _choice(wish.choice, "structured_outputs.choice")


def _schema(given: dict[str, Any] | bool | str, name: str) -> dict[str, Any] | bool:
    """A schema, which some clients send as text."""
    if not isinstance(given, str):
        return given
    try:
        return msgspec.json.decode(given, type=dict[str, Any] | bool)
    except (msgspec.DecodeError, RecursionError) as error:
        msg = f"{name!r} is no JSON schema: {error}."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param=name) from error


def _grammar(text: str, name: str) -> GrammarForm:
    syntax = GrammarSyntax.GBNF if _GBNF.search(text) else GrammarSyntax.LARK
    return GrammarForm(text, syntax, name)


def _choice(options: list[str], name: str) -> ChoiceForm:
    if not options:
        msg = f"{name!r} holds nothing to choose from."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param=name)
    return ChoiceForm(tuple(options), name)
