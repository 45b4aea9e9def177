"""Tools in OpenAI's shape, as chat templates read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colonnade.prompt.history import INPUT

if TYPE_CHECKING:
    from colonnade.prompt.calls.tools import TextInput, Tool, ToolUse


def template_tools(use: ToolUse) -> list[dict[str, Any]]:
    """The tools of a request for a template's ``tools``, none where none may be called.

    A function is shown as the client defined it, in its own order and with its further keys. A
    custom tool is shown as a function with one required string, ``input``, because that is all
    that templates can describe.
    """
    if not use.callable:
        return []
    return [_definition(tool) for tool in use.tools]


def _definition(tool: Tool) -> dict[str, Any]:
    if tool.given is not None and tool.custom is None:
        return dict(tool.given)
    return {"type": "function", "function": _function(tool)}


def _function(tool: Tool) -> dict[str, Any]:
    if tool.custom is not None:
        return {
            "name": tool.name,
            "description": tool.description or "",
            "parameters": _input_schema(tool.custom),
        }
    parameters = {"type": "object", "properties": {}, **tool.parameters}
    return {"name": tool.name, "description": tool.description or "", "parameters": parameters}


def _input_schema(custom: TextInput) -> dict[str, Any]:
    """The schema of a custom tool's arguments, with its grammar in the description."""
    value: dict[str, Any] = {"type": "string"}
    if custom.grammar is not None:
        value["description"] = f"Text of this Lark grammar:\n{custom.grammar}"
    elif custom.regex is not None:
        value["description"] = f"Text that matches this regular expression: {custom.regex}"
    return {"type": "object", "properties": {INPUT: value}, "required": [INPUT]}
