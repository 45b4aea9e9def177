"""From the text that a model generates to content, reasoning and tool calls."""

from colonnade.prompt.output.events import CallArguments, CallStart, Content, Parsed, Reasoning

__all__ = ["CallArguments", "CallStart", "Content", "Parsed", "Reasoning"]
