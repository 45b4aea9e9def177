"""The server itself, and its connections."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from colonnade.settings.tree.kinds import BYTES, MILLISECONDS, SECONDS, SECRET, NonNegative, Text


class ServerSettings(Struct, frozen=True, kw_only=True):
    """Server."""

    host: Annotated[str, Meta(description="Address to listen on.", min_length=1)] = "127.0.0.1"
    port: Annotated[
        int, Meta(description="Port to listen on; 0 picks a free one.", ge=0, le=65535)
    ] = 8000
    cors_origins: Annotated[
        tuple[str, ...],
        Meta(description="Web origins whose pages may call the server; `*` allows all."),
    ] = ()
    allowed_hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="Names of the server beside `localhost`, the machine's own and every "
            "address; `*.NAME` are all below NAME, `*` is every name."
        ),
    ] = ()
    media_hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="Hosts that pictures and sounds are fetched from where a request names a "
            "URL of http(s): NAME, `NAME:PORT`, `*.NAME` for all below NAME, `*` for every public "
            "one; unset, none is. Addresses of private networks are never asked."
        ),
    ] = ()
    api_key: Annotated[
        tuple[str, ...],
        Meta(
            description="A key of which requests must carry one; without any, all may come in. "
            "Where no administrator has a key of their own, it may steer the server, too.",
            extra=SECRET,
        ),
    ] = ()
    admin_key: Annotated[
        tuple[str, ...],
        Meta(
            description="An administrator's key: it may load and unload models, and read what "
            "others do.",
            extra=SECRET,
        ),
    ] = ()
    api_key_file: Annotated[
        Text | None,
        Meta(
            description="A file of keys, one a line: `NAME:KEY` or `NAME:sha256=HEX`, then "
            "`admin`, quotas as `tokens/month=N`, or nothing.",
            extra={"guards": True},
        ),
    ] = None
    allow_anyone: Annotated[
        bool, Meta(description="Listen beyond this machine without keys, if there are none.")
    ] = False
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses or networks of proxies whose `X-Forwarded-For` says who a "
            "client is."
        ),
    ] = ()
    rate_limit: Annotated[
        int,
        Meta(
            description="Answers a minute that one client may ask for, counting each choice of "
            "each prompt, and 64 texts to embed or score as one; 0 for no limit.",
            ge=0,
        ),
    ] = 0
    max_body_size: Annotated[
        int, Meta(description="Largest request body.", ge=1024, extra=BYTES)
    ] = 32 * 1024 * 1024
    continue_final_message: Annotated[
        bool,
        Meta(
            description="Go on with a last message of an assistant, as llama-server does, where a "
            "request does not say whether to."
        ),
    ] = False
    keep_alive_seconds: Annotated[
        float,
        Meta(description="How long a stream stays silent before a comment.", gt=0, extra=SECONDS),
    ] = 10.0
    idle_seconds: Annotated[
        int,
        Meta(
            description="How long a connection is kept between two requests.", ge=1, extra=SECONDS
        ),
    ] = 75
    request_seconds: Annotated[
        NonNegative,
        Meta(
            description="Longest time for one answer, queueing included; 0 for no limit.",
            extra=SECONDS,
        ),
    ] = 0.0
    shutdown_seconds: Annotated[
        int,
        Meta(
            description="How long answers under way may go on after a stop, or a swap of models.",
            ge=0,
            extra=SECONDS,
        ),
    ] = 30
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severity to log.")
    ] = "info"
    log_format: Annotated[
        Literal["text", "json"], Meta(description="How the lines of the log are written.")
    ] = "text"
    access_log: Annotated[bool, Meta(description="Log a line for each HTTP request.")] = False
    slow_callback_ms: Annotated[
        NonNegative,
        Meta(
            description="Log and count what holds the event loop for longer, with its place in the "
            "code; 0 for not looking.",
            extra=MILLISECONDS,
        ),
    ] = 0.0
    trace_endpoint: Annotated[
        str,
        Meta(
            description="Where OpenTelemetry's traces go: an OTLP collector over HTTP, such as "
            "`http://localhost:4318/v1/traces`. Needs the extra `tracing`."
        ),
    ] = ""


class ConnectionSettings(Struct, frozen=True, kw_only=True):
    """Connections.

    How long clients are waited for, and how many there may be.
    """

    head_seconds: Annotated[
        float,
        Meta(
            description="Longest time for a request's head, on a new connection from its start.",
            gt=0,
            extra=SECONDS,
        ),
    ] = 20.0
    body_seconds: Annotated[
        float,
        Meta(
            description="Longest time for a body; as much longer as what came of it takes at "
            "`least_rate`. Of a WebSocket, for a message.",
            gt=0,
            extra=SECONDS,
        ),
    ] = 20.0
    send_seconds: Annotated[
        float,
        Meta(
            description="How long a client may take less of its answer than `least_rate`, before "
            "that ends.",
            gt=0,
            extra=SECONDS,
        ),
    ] = 60.0
    least_rate: Annotated[
        int,
        Meta(
            description="What a client sends or takes at least.",
            ge=1,
            extra={"unit": "bytes/s"},
        ),
    ] = 500
    max_connections: Annotated[
        int,
        Meta(
            description="Most connections at a time; 0 for as many as the system's limit of open "
            "files has room for, at most 10,000.",
            ge=0,
        ),
    ] = 0
    max_connections_per_address: Annotated[
        int,
        Meta(
            description="Most connections of one address; 0 for no bound. A proxy is one address.",
            ge=0,
        ),
    ] = 0
