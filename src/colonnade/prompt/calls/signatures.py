"""What a tool takes, as a schema that the grammar's compiler knows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.history import INPUT
from colonnade.prompt.schema import prepare_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from colonnade.prompt.calls.tools import TextInput, Tool, ToolUse
    from colonnade.prompt.schema import Narrowings, SchemaLimits

_OPENING = ("properties", "patternProperties", "additionalProperties", "unevaluatedProperties")
_WHOLE = ("$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "if", "not")
_NAME = re.compile(r"""[^\s"'\\<>(){}\[\],=`|｜]+""")


@dataclass(frozen=True, slots=True)
class Signature:
    """A tool's name and the prepared schema of its arguments, an object's.

    ``grammar`` is the Lark grammar of a custom tool's input, None for any other tool. ``param``
    names the request's field to blame.
    """

    name: str
    schema: dict[str, Any]
    param: str
    grammar: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    """The parameters in the client's words, by which what a model wrote is read."""
    index: int = 0
    """Its place in the request."""


def signatures(
    use: ToolUse, limits: SchemaLimits | None = None, narrowings: Narrowings | None = None
) -> list[Signature]:
    """Prepare the tools that may be called.

    Raises:
        Failure: a name that no format can hold, or a schema that cannot be held to.
    """
    callable_ = frozenset(tool.name for tool in use.callable)
    return [
        _signature(tool, index, limits, narrowings)
        for index, tool in enumerate(use.tools)
        if tool.name in callable_
    ]


def _signature(
    tool: Tool, index: int, limits: SchemaLimits | None, narrowings: Narrowings | None
) -> Signature:
    if not _NAME.fullmatch(tool.name):
        msg = f"A tool cannot be called {tool.name!r}: its name has to be one word."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param=f"tools[{index}].function.name")
    if tool.custom is not None:
        param = f"tools[{index}].custom.format"
        given = _input_schema(tool.custom)
        schema = _prepared(given, param, limits)
        return Signature(tool.name, schema, param, tool.custom.grammar, given, index)
    param = f"tools[{index}].function.parameters"
    schema = _prepared(_closed(tool.parameters), param, limits, narrowings)
    return Signature(tool.name, schema, param, given=tool.parameters, index=index)


def _prepared(
    schema: Mapping[str, Any],
    param: str,
    limits: SchemaLimits | None,
    narrowings: Narrowings | None = None,
) -> dict[str, Any]:
    prepared = prepare_schema(schema, param=param, limits=limits, narrowings=narrowings)
    if prepared is True:
        return {"type": "object"}
    if prepared is False or "object" not in _types(prepared):
        msg = "The arguments of a function are an object, and this schema allows none."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param=param)
    return prepared


def _types(schema: Mapping[str, Any]) -> list[Any]:
    types = schema.get("type", "object")
    return types if isinstance(types, list) else [types]


def _closed(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Say that there are no arguments but those described, where the schema leaves it open.

    Clients write no parameters as a schema without properties. What is required and not described
    is a parameter too, of any value.
    """
    schema = {"type": "object", **parameters}
    if any(word in schema for word in (*_OPENING[1:], *_WHOLE)):
        return schema
    schema["additionalProperties"] = False
    described, required = schema.get("properties", {}), schema.get("required")
    if isinstance(described, dict) and isinstance(required, list):
        names = (name for name in required if isinstance(name, str))
        missing = {name: True for name in names if name not in described}
        schema["properties"] = {**described, **missing}
    return schema


def _input_schema(custom: TextInput) -> dict[str, Any]:
    value: dict[str, Any] = {"type": "string"}
    if custom.regex is not None:
        value["pattern"] = f"^(?:{custom.regex})$"
    return {
        "type": "object",
        "properties": {INPUT: value},
        "required": [INPUT],
        "additionalProperties": False,
    }
