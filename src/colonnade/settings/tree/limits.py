"""What waits, and what there may be at most."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from colonnade.settings.tree.kinds import CHARACTERS, SECONDS, NonNegative


class QueueSettings(Struct, frozen=True, kw_only=True):
    """Queue."""

    queue_size: Annotated[
        int, Meta(description="Requests that may wait for a slot; more get a 429.", ge=0)
    ] = 64
    queue_memory: Annotated[
        int,
        Meta(
            description="Memory that the requests that wait may take, about; more get a 429.",
            ge=1,
            extra={"unit": "MiB"},
        ),
    ] = 512
    queue_seconds: Annotated[
        NonNegative,
        Meta(
            description="How long a request may wait for a slot before it gets a 429; 0 for no "
            "limit.",
            extra=SECONDS,
        ),
    ] = 0.0
    may_pass: Annotated[
        bool,
        Meta(
            description="Let requests ask to pass others: `service_tier: priority`, a negative "
            "`priority`."
        ),
    ] = True


class LimitSettings(Struct, frozen=True, kw_only=True):
    """Limits."""

    max_choices: Annotated[
        int, Meta(description="Most answers (`n`) that one prompt may ask for.", ge=1, le=256)
    ] = 128
    memory: Annotated[
        int,
        Meta(
            description="Most of this machine's memory that all models together may take, by what "
            "each is seen to take before it is loaded; 0 for nearly all that is free at the start.",
            ge=0,
            extra={"unit": "MiB"},
        ),
    ] = 0
    hang_seconds: Annotated[
        NonNegative,
        Meta(
            description="How long a worker may be silent, or stand still in a step, before it is "
            "replaced; 0 for ever.",
            extra=SECONDS,
        ),
    ] = 30.0
    max_answers: Annotated[
        int,
        Meta(
            description="Most answers of all prompts of one request, `n` or `best_of` each.", ge=1
        ),
    ] = 2048
    max_inputs: Annotated[
        int,
        Meta(description="Most texts of a request for embeddings or scores.", ge=1),
    ] = 2048
    max_messages: Annotated[
        int,
        Meta(
            description="Most messages of a conversation, and most content parts and tool calls of "
            "all of them together.",
            ge=1,
        ),
    ] = 10_000
    max_tools: Annotated[int, Meta(description="Most tools of a request.", ge=1)] = 1024
    media_size: Annotated[
        int,
        Meta(
            description="Most bytes of all pictures and sounds of a request. In base64 they take a "
            "third more of `max_body_size`.",
            ge=1,
            le=1024,
            extra={"unit": "MiB"},
        ),
    ] = 20
    media_count: Annotated[
        int, Meta(description="Most pictures and sounds of a request.", ge=1, le=1000)
    ] = 16
    max_grammar_size: Annotated[
        int,
        Meta(
            description="Largest grammar: of a response format, or of all tools together.",
            ge=1000,
            extra=CHARACTERS,
        ),
    ] = 4_000_000
    max_grammar_depth: Annotated[
        int,
        Meta(description="Deepest nesting in a schema or a grammar.", ge=8, le=1000),
    ] = 256
