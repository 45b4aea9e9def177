"""The endpoint-neutral use case: a turn goes in, events come out.

Renders prompts, submits them to an engine, and turns its outputs into events. Knows no HTTP, no
wire format and no llama.cpp. Every door uses this one path.
"""

from colonnade.generation.accounts import Accounts, Used
from colonnade.generation.adapters import LARGEST_SCALE, Adapter, Adapters
from colonnade.generation.embedding import (
    Embedded,
    EmbeddingJob,
    Embeddings,
    InputKind,
    Scored,
    ScoreJob,
)
from colonnade.generation.events import (
    CallArguments,
    CallStart,
    Delta,
    EndReason,
    Event,
    Finished,
    PromptProgress,
    ReasoningDelta,
    TextDelta,
    Usage,
)
from colonnade.generation.folding import Folded, FoldedCall, fold
from colonnade.generation.models import EmbeddingDefaults, Models, ServedModel, Source
from colonnade.generation.service import Completed, Generation, Generator
from colonnade.generation.templates import Template
from colonnade.generation.turn import ChatPrompt, CompletionPrompt, Reasoning, Turn, asking

__all__ = [
    "LARGEST_SCALE",
    "Accounts",
    "Adapter",
    "Adapters",
    "CallArguments",
    "CallStart",
    "ChatPrompt",
    "Completed",
    "CompletionPrompt",
    "Delta",
    "Embedded",
    "EmbeddingDefaults",
    "EmbeddingJob",
    "Embeddings",
    "EndReason",
    "Event",
    "Finished",
    "Folded",
    "FoldedCall",
    "Generation",
    "Generator",
    "InputKind",
    "Models",
    "PromptProgress",
    "Reasoning",
    "ReasoningDelta",
    "ScoreJob",
    "Scored",
    "ServedModel",
    "Source",
    "Template",
    "TextDelta",
    "Turn",
    "Usage",
    "Used",
    "asking",
    "fold",
]
