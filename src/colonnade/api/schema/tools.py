"""The tools of a chat request, and which of them are to be called."""

from typing import Any, Literal

from msgspec import Struct


class FunctionDefinition(Struct, kw_only=True):
    """A function by its name and the JSON Schema of its arguments."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    """Accepted and ignored: arguments satisfy their schema in any case."""


class FunctionTool(Struct, tag_field="type", tag="function", kw_only=True):
    """A tool that takes arguments."""

    function: FunctionDefinition


class TextFormat(Struct, tag_field="type", tag="text"):
    """Any text."""


class GrammarDefinition(Struct, kw_only=True):
    """The language of a custom tool's input."""

    definition: str
    syntax: Literal["lark", "regex"]


class GrammarFormat(Struct, tag_field="type", tag="grammar", kw_only=True):
    """Text of a grammar's language."""

    grammar: GrammarDefinition


class CustomDefinition(Struct, kw_only=True):
    """A custom tool by its name and the form of its input."""

    name: str
    description: str | None = None
    format: TextFormat | GrammarFormat | None = None


class CustomTool(Struct, tag_field="type", tag="custom", kw_only=True):
    """A tool that takes text."""

    custom: CustomDefinition


Tool = FunctionTool | CustomTool


class ToolName(Struct, kw_only=True):
    """A tool by its name."""

    name: str


class NamedFunction(Struct, tag_field="type", tag="function", kw_only=True):
    """The call of one function."""

    function: ToolName


class NamedCustom(Struct, tag_field="type", tag="custom", kw_only=True):
    """The call of one custom tool."""

    custom: ToolName


class Allowance(Struct, kw_only=True):
    """Some of the tools, of which one may or must be called."""

    mode: Literal["auto", "required"]
    tools: list[NamedFunction | NamedCustom]


class AllowedTools(Struct, tag_field="type", tag="allowed_tools", kw_only=True):
    """Some of the tools."""

    allowed_tools: Allowance


ToolChoice = Literal["none", "auto", "required", "any"] | NamedFunction | NamedCustom | AllowedTools
"""``any`` is another word for ``required``."""

FunctionChoice = Literal["none", "auto"] | ToolName
"""Of the oldest form, ``function_call``."""
