"""The endpoint-neutral use case: a turn goes in, events come out.

Renders prompts, submits them to an engine, and turns its outputs into events. Knows no HTTP, no
wire format and no llama.cpp. Every door uses this one path.
"""

from colonnade.generation.events import (
    CallArguments,
    CallStart,
    Delta,
    EndReason,
    Event,
    Finished,
    ReasoningDelta,
    TextDelta,
    Usage,
)
from colonnade.generation.models import Models, ServedModel
from colonnade.generation.service import Generation, Generator
from colonnade.generation.turn import ChatPrompt, CompletionPrompt, Reasoning, Turn

__all__ = [
    "CallArguments",
    "CallStart",
    "ChatPrompt",
    "CompletionPrompt",
    "Delta",
    "EndReason",
    "Event",
    "Finished",
    "Generation",
    "Generator",
    "Models",
    "Reasoning",
    "ReasoningDelta",
    "ServedModel",
    "TextDelta",
    "Turn",
    "Usage",
]
