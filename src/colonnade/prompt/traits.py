"""What is known of a template before it sees a conversation."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from colonnade.prompt.showing import Showing


class Systems(Enum):
    """Where a template takes system messages without refusing or losing them."""

    ANYWHERE = auto()
    FIRST = auto()
    """One, as the first message."""
    NOWHERE = auto()


class Talk(Enum):
    """Where a template reads the text of a message that has calls too."""

    CONTENT = "content"
    PLAN = "tool_plan"
    """Cohere's name for it."""
    APART = "apart"
    """In a message of its own: of text and calls in one, it writes one of the two."""


@dataclass(frozen=True, slots=True)
class Traits:
    """The shapes of a conversation that a template takes. The defaults take everything."""

    strings: bool = True
    """Reads content given as a string; some templates read lists of parts alone."""
    list_roles: frozenset[str] = frozenset()
    """Roles whose content may be a list of parts."""
    developer: bool = False
    systems: Systems = Systems.ANYWHERE
    repeats: bool = True
    """Takes two messages of one role in a row."""
    argument_objects: bool = True
    """Wants a tool call's arguments as an object, not as a JSON string."""
    argument_text: bool = True
    """Survives arguments that are a string, whatever it makes of them."""
    short_ids: bool = False
    """Wants the ids of tool calls as nine letters and digits."""
    empty_content: str | None = ""
    """The content of a message that only calls tools."""
    bare_tools: bool = True
    """Takes tools without description or parameters, and parameters without description or type:
    OpenAI makes all of them optional."""
    showing: Showing = field(default_factory=Showing)
    """Where it looks for tools."""
    tools: bool = True
    """Shows the tools that it is given."""
    whole_schemas: bool = True
    """Shows all of a tool's parameters; some templates show their ``properties`` alone."""
    calls: bool = True
    """Writes replayed calls; some templates drop them in silence."""
    results: bool = True
    """Writes the results of replayed calls."""
    parallel_calls: bool = True
    """Writes all calls of one message; some write the first alone, or refuse."""
    talk: Talk = Talk.CONTENT
    """Where it reads the text of a message that has calls too."""
    thoughts: str = "reasoning_content"
    """The field of an answer in which it looks for a replayed thought. ``content`` stands for a
    part of the content of type ``thinking``."""
