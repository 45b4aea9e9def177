"""The tools of a request, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from colonnade.prompt.schema import without_nulls

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class TextInput:
    """What a custom tool takes: free text, or the language of a grammar.

    ``grammar`` is a Lark grammar with a rule ``start``, or a ``regex`` for the whole text; at most
    one of the two is set.
    """

    grammar: str | None = None
    regex: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call.

    ``parameters`` is the JSON Schema of its arguments as the client gave it; ``custom`` is set for
    a tool that takes text in place of arguments. ``given`` is the whole definition in OpenAI's
    shape and the client's own words and order, None where that is not at hand.
    """

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    custom: TextInput | None = None
    given: Mapping[str, Any] | None = None


class CallMode(Enum):
    """Whether the model may, must or must not call tools."""

    NONE = auto()
    AUTO = auto()
    REQUIRED = auto()


@dataclass(frozen=True, slots=True)
class ToolUse:
    """Which tools there are and how they may be used.

    ``tools`` are all that the prompt shows; ``allowed`` names those that may be called, None for
    all. ``parallel`` allows several calls in one answer.
    """

    tools: tuple[Tool, ...]
    mode: CallMode = CallMode.AUTO
    allowed: frozenset[str] | None = None
    parallel: bool = True

    @property
    def callable(self) -> tuple[Tool, ...]:
        """The tools that may be called."""
        if self.mode is CallMode.NONE:
            return ()
        return tuple(
            tool for tool in self.tools if self.allowed is None or tool.name in self.allowed
        )

    def without_nulls(self) -> ToolUse:
        """The same, with null taken for "absent" in all that clients define of tools."""
        return replace(self, tools=tuple(map(_without_nulls, self.tools)))


def _without_nulls(tool: Tool) -> Tool:
    parameters = without_nulls(dict(tool.parameters))
    given = tool.given
    if given is not None:
        function = _present(given.get("function") or {})
        if "parameters" in function:
            function["parameters"] = parameters
        given = _present({**given, "function": function})
    return replace(tool, parameters=parameters, given=given)


def _present(members: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value is not None}
