"""Under which variable, and in which form, a template is shown the tools of a request.

Nearly all templates read OpenAI's definitions from ``tools``. A few have a variable of their own,
for the functions alone or for the text of their JSON: it is one whose value turns up in a prompt.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

TOOLS = "tools"
_WORDS = ("tool", "function")
_OTHERWISE = ("python", "code", "builtin", "choice", "call", "result", "response", "message")
"""Words of variables that are about something else: tools that are called in another way, or what
came of calls."""
_INDENT = 4


class ToolsForm(Enum):
    """What the variable holds."""

    DEFINITIONS = auto()
    """A list of OpenAI's objects of ``type`` and ``function``."""
    FUNCTIONS = auto()
    """A list of the functions inside of those."""
    TEXT = auto()
    """The list of functions as indented JSON."""


@dataclass(frozen=True, slots=True)
class Showing:
    """How a template is shown tools. ``always``: it fails where there are none and the variable is
    not set."""

    variable: str = TOOLS
    form: ToolsForm = ToolsForm.DEFINITIONS
    always: bool = False

    def variables(self, tools: object) -> Mapping[str, Any]:
        """The template's variables for some tools, or for none."""
        plain = {} if self.variable == TOOLS else {TOOLS: None}
        if not tools:
            # Clients send an empty list for "no tools", which many templates would announce.
            return {**plain, self.variable: self._formed([])} if self.always else {TOOLS: None}
        return {**plain, self.variable: self._formed(tools)}

    def _formed(self, tools: Any) -> Any:  # noqa: ANN401 - a client's JSON
        if self.form is ToolsForm.DEFINITIONS or not isinstance(tools, list | tuple):
            return tools
        functions = [_function(tool) for tool in tools]
        if self.form is ToolsForm.FUNCTIONS:
            return functions
        return json.dumps(functions, ensure_ascii=False, indent=_INDENT)


def other_showings(variables: Collection[str]) -> Iterator[Showing]:
    """The ways of showing tools to try where ``tools`` is not read, by the names of what is."""
    names = (name for name in sorted(variables) if any(word in name for word in _WORDS))
    for name in names:
        if name != TOOLS and not any(word in name for word in _OTHERWISE):
            yield Showing(name, ToolsForm.FUNCTIONS)
            yield Showing(name, ToolsForm.DEFINITIONS)
            yield Showing(name, ToolsForm.TEXT)


def _function(tool: Any) -> Any:  # noqa: ANN401
    return tool["function"] if isinstance(tool, dict) and "function" in tool else tool
