"""The older services."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from colonnade.settings.tree.kinds import BYTES, SECONDS, TOKENS, Port


class LegacySettings(Struct, frozen=True, kw_only=True):
    """Older services.

    Their routes are on the main port. `legacy_ports` opens each service's own port beside it.
    """

    legacy_ports: Annotated[
        bool, Meta(description="Open the ports of the four older services too.")
    ] = False
    gemma_port: Port = 3125
    llama_chat_port: Port = 8002
    queued_port: Port = 7860
    flowgen_port: Port = 8001
    llama_chat_origins: Annotated[
        tuple[str, ...],
        Meta(
            description="Web origins whose pages may call LLaMA chat's own port; `*` allows all, "
            "`none` nobody's."
        ),
    ] = ("*",)
    execute_max_tokens: Annotated[
        int, Meta(description="Longest answer of `/v1/execute` and `/ws`.", ge=1, extra=TOKENS)
    ] = 1024
    execute_temperature: Annotated[
        float, Meta(description="Temperature of `/v1/execute` and `/ws`.", ge=0, le=2)
    ] = 0.1
    execute_top_p: Annotated[
        float, Meta(description="Top-p of `/v1/execute` and `/ws`.", gt=0, le=1)
    ] = 0.95
    execute_top_k: Annotated[int, Meta(description="Top-k of `/v1/execute` and `/ws`.", ge=0)] = 40
    socket_idle_seconds: Annotated[
        float,
        Meta(description="How long a WebSocket may be without a request.", gt=0, extra=SECONDS),
    ] = 3600.0
    socket_message_size: Annotated[
        int, Meta(description="Largest message on a WebSocket.", ge=1024, extra=BYTES)
    ] = 1024 * 1024
    session_database: Annotated[
        str,
        Meta(
            description="Where chat sessions are kept: `sqlite:///FILE` or `postgresql://...`; "
            "without one, a file in the user's data directory."
        ),
    ] = ""
    session_exchanges: Annotated[
        int, Meta(description="Exchanges of a session that an answer builds on.", ge=0)
    ] = 5
    session_seconds: Annotated[
        float,
        Meta(description="How long an unused session is kept.", gt=0, extra=SECONDS),
    ] = 7 * 86400.0
    session_count: Annotated[
        int,
        Meta(description="Sessions kept of one key, or of all where there are none.", ge=1),
    ] = 10_000
    session_storage: Annotated[
        int,
        Meta(
            description="Text kept of the sessions of one key, or of all where there are none.",
            ge=1,
            extra={"unit": "MiB"},
        ),
    ] = 1024
    session_queue: Annotated[
        int, Meta(description="Requests to one session that may wait for each other.", ge=0)
    ] = 16
