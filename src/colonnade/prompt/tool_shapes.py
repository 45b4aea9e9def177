"""Tools in the shapes that templates count on, where they do not take them as they came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colonnade.prompt.calls.kinds import kinds, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

_INNER = {"object": "additionalProperties", "array": "items"}
_UNTYPED = {"type": None}
_MAX_DEPTH = 8


def complete_tools(tools: object) -> object:
    """Give every function the description and parameters that a template may count on.

    What is there keeps its place: the model is to see a tool as the client wrote it.
    """
    return _mapped(tools, simple=False)


def simple_tools(tools: object) -> object:
    """Complete tools whose parameters are of one type each, null aside, or else of none.

    Objects and lists among the parameters, too, say what is in them. For templates that write
    types in a notation of their own, and know no others.
    """
    return _mapped(tools, simple=True)


def listed_tools(tools: object) -> object:
    """Name the properties of parameters that are put together of other schemas, beside those.

    For templates that show no more of parameters than their ``properties``.
    """
    if not isinstance(tools, list | tuple):
        return tools
    return [_listed(tool) for tool in tools]


def _listed(tool: Any) -> Any:  # noqa: ANN401 - a client's JSON
    if not isinstance(tool, dict) or not isinstance(function := tool.get("function"), dict):
        return tool
    parameters = function.get("parameters")
    if not isinstance(parameters, dict) or "properties" in parameters:
        return tool
    properties = dict(_properties(parameters))
    if not properties:
        return tool
    listed = {**parameters, "type": "object", "properties": properties}
    return {**tool, "function": {**function, "parameters": listed}}


def _properties(root: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The properties of a schema and of those that it is put together of, each visited once."""
    left: list[Any] = [root]
    seen: set[int] = set()
    while left:
        plain = resolve(left.pop(), root)
        if isinstance(plain, bool) or id(plain) in seen:
            continue
        seen.add(id(plain))
        if isinstance(properties := plain.get("properties"), dict):
            yield from properties.items()
        for word in ("oneOf", "anyOf", "allOf"):
            if isinstance(branches := plain.get(word), list):
                left += reversed(branches)


def _mapped(tools: object, *, simple: bool) -> object:
    if not isinstance(tools, list | tuple):
        return tools
    return [_tool(tool, simple=simple) for tool in tools]


def _tool(tool: Any, *, simple: bool) -> Any:  # noqa: ANN401
    if not isinstance(tool, dict) or not isinstance(function := tool.get("function"), dict):
        return tool
    parameters = function.get("parameters")
    if not isinstance(parameters, dict):
        parameters = {}
    parameters = _with(parameters, {"type": "object", "properties": {}, "required": []})
    if isinstance(properties := parameters["properties"], dict):
        shape = _simple if simple else _described
        shaped = {name: shape(value, parameters) for name, value in properties.items()}
        parameters["properties"] = shaped
    description = function.get("description") or ""
    return {
        **tool,
        "function": {**function, "description": description, "parameters": parameters},
    }


def _described(schema: Any, _root: Any) -> Any:  # noqa: ANN401
    """Name a type and give a description where a schema tells them in some other way."""
    plain = schema if isinstance(schema, dict) else {}
    return _with(plain, {"type": "any", "description": ""})


def _simple(schema: Any, root: Any) -> dict[str, Any]:  # noqa: ANN401
    plain = schema if isinstance(schema, dict) else {}
    return _inside(_with(plain, {"description": ""}), root, 0)


def _inside(schema: dict[str, Any], root: Any, depth: int) -> dict[str, Any]:  # noqa: ANN401
    """Give a schema one type, and say of objects and lists, down to a bound, what is in them."""
    kind = schema.get("type")
    if not isinstance(kind, str):
        kind = _one_type(schema, root)
    simple = {**schema, "type": kind}
    word = _INNER.get(kind or "")
    if word is not None and isinstance(inner := schema.get(word, _UNTYPED), dict):
        simple[word] = _inside(inner, root, depth + 1) if depth < _MAX_DEPTH else _UNTYPED
    return simple


def _one_type(schema: dict[str, Any], root: Any) -> str | None:  # noqa: ANN401
    """The type of all of a schema's values but null, None where they are of several."""
    types = schema.get("type")
    listed = types if isinstance(types, list) else []
    named = {name for name in listed if isinstance(name, str) and name != "null"}
    found = named or kinds(schema, root) - {"null"}
    return next(iter(found)) if len(found) == 1 else None


def _with(given: dict[str, Any], missing: dict[str, Any]) -> dict[str, Any]:
    """Add what is missing behind what was given."""
    return {**given, **{key: value for key, value in missing.items() if key not in given}}
