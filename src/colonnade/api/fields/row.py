"""One row of the table of fields."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Standing(StrEnum):
    """What becomes of a field."""

    DONE = "done"
    WITHOUT_EFFECT = "accepted without effect"
    """It cannot change the answer here."""
    REFUSED = "refused"
    """A 400 names it, but where its value asks for nothing."""


class Endpoint(StrEnum):
    """Where a field may stand in a body."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"
    RERANK = "rerank"
    SCORE = "score"


class Source(StrEnum):
    """Whose documents tell of a field."""

    OPENAI = "OpenAI"
    LLAMA_SERVER = "llama-server"
    VLLM = "vLLM"
    JINA = "Jina"
    COHERE = "Cohere"
    TEI = "TEI"


BOTH = (Endpoint.CHAT, Endpoint.COMPLETIONS)
CHAT = (Endpoint.CHAT,)
COMPLETIONS = (Endpoint.COMPLETIONS,)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a request body.

    ``note`` says what it does, why it changes nothing, or why it is refused: then it is the
    message of the 400, too. ``neutral`` are the values of a refused field that ask for nothing,
    null aside; clients send such defaults. ``example`` asks for something.
    """

    name: str
    standing: Standing
    note: str
    endpoints: tuple[Endpoint, ...]
    sources: tuple[Source, ...]
    neutral: tuple[object, ...] = ()
    example: object = None
