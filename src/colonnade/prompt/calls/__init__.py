"""Tool calls: what may be called, and how a model family writes a call."""

from colonnade.prompt.calls.tools import CallMode, TextInput, Tool, ToolUse

__all__ = ["CallMode", "TextInput", "Tool", "ToolUse"]
