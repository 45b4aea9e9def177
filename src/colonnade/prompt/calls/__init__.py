"""Tool calls: what may be called, and how a model family writes a call."""

from colonnade.prompt.calls.choose import choose_call_format
from colonnade.prompt.calls.formats import GENERIC, CallFormat
from colonnade.prompt.calls.grammar import blamed_tool
from colonnade.prompt.calls.tools import CallMode, TextInput, Tool, ToolUse

__all__ = [
    "GENERIC",
    "CallFormat",
    "CallMode",
    "TextInput",
    "Tool",
    "ToolUse",
    "blamed_tool",
    "choose_call_format",
]
