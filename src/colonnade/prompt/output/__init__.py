"""From the text that a model generates to content, reasoning and tool calls."""

from colonnade.prompt.output.events import CallArguments, CallStart, Content, Parsed, Reasoning
from colonnade.prompt.output.parser import OutputParser

__all__ = ["CallArguments", "CallStart", "Content", "OutputParser", "Parsed", "Reasoning"]
