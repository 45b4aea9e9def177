"""What the API can be told by whoever composes the server."""

from __future__ import annotations

from dataclasses import dataclass, field

from colonnade.api.media import MediaOptions
from colonnade.web.pages import PageRules


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """Limits and defaults of the API."""

    max_body_size: int = 32 * 2**20
    """Largest request body, in bytes."""
    keep_alive_seconds: float = 10.0
    """How long a stream may be silent before a comment is sent on it."""
    max_choices: int = 128
    """Most choices that one prompt may ask for (``n`` and ``best_of``)."""
    max_answers: int = 2048
    """Most choices that all prompts of a request may ask for together."""
    max_inputs: int = 2048
    """Most texts of a request for embeddings or scores."""
    max_messages: int = 10_000
    """Most messages of a request, and most parts and tool calls of all of them."""
    max_tools: int = 1024
    """Most tools of a request."""
    continue_final_message: bool = False
    """Whether a last message of an assistant is gone on with where a request does not say."""
    may_pass: bool = True
    """Whether a request may ask to be served before others."""
    pages: PageRules = field(default_factory=PageRules)
    """Which web pages may call the API from a browser, and by which names."""
    media: MediaOptions = field(default_factory=MediaOptions)
    """Bounds on pictures and sounds, and where they may be fetched from."""
