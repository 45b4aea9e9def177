"""The settings themselves: one frozen struct for each table of the TOML file.

Field names are unique over the whole tree, for flags and environment variables carry no group.
The first line of a group's docstring is its heading, wherever the settings are listed.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, structs

_SECRET = {"secret": True, "guards": True}
_BYTES = {"unit": "bytes"}
_CHARACTERS = {"unit": "characters"}
_MILLISECONDS = {"unit": "ms"}
_SECONDS = {"unit": "s"}
_TOKENS = {"unit": "tokens"}

_Text = Annotated[str, Meta(min_length=1)]
_NonNegative = Annotated[float, Meta(ge=0)]
_Fraction = Annotated[float, Meta(ge=0, le=1)]
_Penalty = Annotated[float, Meta(ge=-2, le=2)]

_Port = Annotated[int, Meta(description="Its own port; 0 picks a free one.", ge=0, le=65535)]

KvType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]


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
            extra=_SECRET,
        ),
    ] = ()
    admin_key: Annotated[
        tuple[str, ...],
        Meta(
            description="An administrator's key: it may load and unload models, and read what "
            "others do.",
            extra=_SECRET,
        ),
    ] = ()
    api_key_file: Annotated[
        _Text | None,
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
        int, Meta(description="Largest request body.", ge=1024, extra=_BYTES)
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
        Meta(description="How long a stream stays silent before a comment.", gt=0, extra=_SECONDS),
    ] = 10.0
    idle_seconds: Annotated[
        int,
        Meta(
            description="How long a connection is kept between two requests.", ge=1, extra=_SECONDS
        ),
    ] = 75
    request_seconds: Annotated[
        _NonNegative,
        Meta(
            description="Longest time for one answer, queueing included; 0 for no limit.",
            extra=_SECONDS,
        ),
    ] = 0.0
    shutdown_seconds: Annotated[
        int,
        Meta(
            description="How long answers under way may go on after a stop, or a swap of models.",
            ge=0,
            extra=_SECONDS,
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
        _NonNegative,
        Meta(
            description="Log and count what holds the event loop for longer, with its place in the "
            "code; 0 for not looking.",
            extra=_MILLISECONDS,
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
            extra=_SECONDS,
        ),
    ] = 20.0
    body_seconds: Annotated[
        float,
        Meta(
            description="Longest time for a body; as much longer as what came of it takes at "
            "`least_rate`. Of a WebSocket, for a message.",
            gt=0,
            extra=_SECONDS,
        ),
    ] = 20.0
    send_seconds: Annotated[
        float,
        Meta(
            description="How long a client may take less of its answer than `least_rate`, before "
            "that ends.",
            gt=0,
            extra=_SECONDS,
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


class ModelSettings(Struct, frozen=True, kw_only=True):
    """Model."""

    model: Annotated[
        _Text | None,
        Meta(
            description="A GGUF file, `hf:OWNER/REPO[:FILE-OR-QUANT]` (on the Hugging Face hub), "
            "`pkg:PACKAGE[:FILE]` (in an installed Python package), `demo` (embedded) or, "
            "for a server that starts without one, `none`. Left out: `demo`, and `none` where "
            "other models are named.",
            extra={"argument": True},
        ),
    ] = None
    model_alias: Annotated[
        _Text | None, Meta(description="The name under which clients know the model.")
    ] = None
    any_model_name: Annotated[
        bool,
        Meta(description="Answer requests for models that are not served, instead of a 404."),
    ] = False
    chat_template: Annotated[
        _Text | None,
        Meta(description="Chat template in place of the model's own: a Jinja file, or a name."),
    ] = None
    ctx_size: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(
            description="Context of one request, prompt and answer; 0 for the largest that fits, "
            "up to the trained one; unset, 8,192, or the trained one where that is less.",
            extra=_TOKENS,
        ),
    ] = None
    slots: Annotated[
        int,
        Meta(
            description="Answers generated side by side; others queue; 0 for as many as fit and "
            "are of use.",
            ge=0,
            le=256,
        ),
    ] = 4
    workers: Annotated[
        int,
        Meta(
            description="Worker processes of the model beside each other, each with `slots` of its "
            "own. They share the weights' memory; threads, `cache_size` and the queue are divided "
            "between them, and a request goes to the one that has read its beginning.",
            ge=1,
            le=64,
        ),
    ] = 1
    batch_size: Annotated[
        int,
        Meta(description="Most tokens in one step of the model.", ge=1, le=1 << 20, extra=_TOKENS),
    ] = 512
    threads: Annotated[
        int, Meta(description="Threads for decoding; 0 takes the physical cores.", ge=0, le=512)
    ] = 0
    threads_batch: Annotated[
        int, Meta(description="Threads for reading prompts; 0 means as `threads`.", ge=0, le=512)
    ] = 0
    gpu_layers: Annotated[
        int,
        Meta(
            description="Layers to offload to a GPU, if there is one; -1 for as many as fit.", ge=-1
        ),
    ] = -1
    flash_attention: Annotated[
        Literal["auto", "on", "off"], Meta(description="Fused attention kernels.")
    ] = "auto"
    kv_type: Annotated[KvType, Meta(description="Number format of the KV cache.")] = "f16"
    mmap: Annotated[
        bool | None,
        Meta(description="Map the model file, or read it; unset, as `huge_pages` says."),
    ] = None
    huge_pages: Annotated[
        Literal["auto", "on", "off"],
        Meta(
            description="Read the model file into huge pages instead of mapping it: faster, and "
            "memory of its own. `auto` does so where the file takes no more than half of what is "
            "free and nothing of it goes to a GPU."
        ),
    ] = "auto"
    mlock: Annotated[bool, Meta(description="Keep the model from being swapped out.")] = False
    cache_size: Annotated[
        int,
        Meta(
            description="Memory for the states of earlier prompts; 0 for none.",
            ge=0,
            extra={"unit": "MiB"},
        ),
    ] = 1024
    prefill_step_ms: Annotated[
        float,
        Meta(
            description="How long one step may grow for new prompts while others decode.",
            gt=0,
            extra=_MILLISECONDS,
        ),
    ] = 100.0
    speculate: Annotated[
        bool, Meta(description="Guess tokens from earlier text, where that is faster.")
    ] = True
    batch_invariant: Annotated[
        bool,
        Meta(
            description="The same tokens for the same request, to the bit, whatever runs beside it "
            "and whatever of it was read before. Slower."
        ),
    ] = False
    lora: Annotated[
        tuple[_Text, ...],
        Meta(
            description="A LoRA adapter that requests may choose, `[NAME=]FILE[:SCALE]`: by the "
            "name `MODEL:NAME`, or in `lora`. With a scale it is applied to those that choose none."
        ),
    ] = ()
    draft_model: Annotated[
        _Text | None,
        Meta(
            description="A smaller model of the same vocabulary that guesses tokens instead: a "
            "GGUF file, `hf:OWNER/REPO[:FILE-OR-QUANT]` or `pkg:PACKAGE[:FILE]`."
        ),
    ] = None
    mmproj: Annotated[
        _Text | None,
        Meta(
            description="The projector with which the model sees images or hears audio: a GGUF "
            "file, or `none`. Unset, the one that lies beside the model, in its directory or its "
            "repository, if there is one."
        ),
    ] = None

    embeddings: Annotated[
        Literal["auto", "on", "off"],
        Meta(
            description="Who may be asked for embeddings: `auto`, models that are made for it; "
            "`on`, those that generate text, too, in a second worker; `off`, none."
        ),
    ] = "auto"
    pooling: Annotated[
        Literal["auto", "mean", "cls", "last", "rank"],
        Meta(
            description="How an embedding is made of those of its tokens; `rank` are a reranker's "
            "scores. `auto`: as the file says, else `last`, or `mean` where attention looks ahead."
        ),
    ] = "auto"
    embedding_prefix: Annotated[
        str,
        Meta(
            description="What a model wants before texts to embed, where a request does not say "
            "whether they are queries or documents."
        ),
    ] = ""
    query_prefix: Annotated[
        str,
        Meta(description="The same before queries, such as `search_query: `."),
    ] = ""
    document_prefix: Annotated[
        str,
        Meta(description="The same before documents, such as `search_document: `."),
    ] = ""
    normalize_embeddings: Annotated[
        bool,
        Meta(description="Scale embeddings to a length of 1, where a request does not say."),
    ] = True


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
        _NonNegative,
        Meta(
            description="How long a request may wait for a slot before it gets a 429; 0 for no "
            "limit.",
            extra=_SECONDS,
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
        _NonNegative,
        Meta(
            description="How long a worker may be silent, or stand still in a step, before it is "
            "replaced; 0 for ever.",
            extra=_SECONDS,
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
            extra=_CHARACTERS,
        ),
    ] = 4_000_000
    max_grammar_depth: Annotated[
        int,
        Meta(description="Deepest nesting in a schema or a grammar.", ge=8, le=1000),
    ] = 256


class LegacySettings(Struct, frozen=True, kw_only=True):
    """Older services.

    Their routes are on the main port. `legacy_ports` opens each service's own port beside it.
    """

    legacy_ports: Annotated[
        bool, Meta(description="Open the ports of the four older services too.")
    ] = False
    gemma_port: _Port = 3125
    llama_chat_port: _Port = 8002
    queued_port: _Port = 7860
    flowgen_port: _Port = 8001
    llama_chat_origins: Annotated[
        tuple[str, ...],
        Meta(
            description="Web origins whose pages may call LLaMA chat's own port; `*` allows all, "
            "`none` nobody's."
        ),
    ] = ("*",)
    execute_max_tokens: Annotated[
        int, Meta(description="Longest answer of `/v1/execute` and `/ws`.", ge=1, extra=_TOKENS)
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
        Meta(description="How long a WebSocket may be without a request.", gt=0, extra=_SECONDS),
    ] = 3600.0
    socket_message_size: Annotated[
        int, Meta(description="Largest message on a WebSocket.", ge=1024, extra=_BYTES)
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
        Meta(description="How long an unused session is kept.", gt=0, extra=_SECONDS),
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


class RegistrySettings(Struct, frozen=True, kw_only=True):
    """Many models.

    Which models a request may name beside MODEL, and how long they stay. Tables `[[models]]` in the
    file add some, with settings of their own.
    """

    models_dir: Annotated[
        tuple[str, ...],
        Meta(
            description="Directory whose models requests may name, and `/load` may open, with all "
            "below it."
        ),
    ] = ()
    allow_models: Annotated[
        tuple[str, ...],
        Meta(
            description="Models beyond these that requests may name, which are downloaded if need "
            "be: `hf:OWNER/REPO[:QUANT]`, `pkg:PACKAGE`, with `*` for anything: `hf:OWNER/*`."
        ),
    ] = ()
    load_on_demand: Annotated[
        bool,
        Meta(description="Load a model that a request names; without it, an administrator does."),
    ] = True
    load_wait_seconds: Annotated[
        float,
        Meta(
            description="How long a request waits for its model, for room for it, too.",
            gt=0,
            extra=_SECONDS,
        ),
    ] = 300.0
    idle_unload_seconds: Annotated[
        _NonNegative,
        Meta(
            description="How long a model that nobody uses stays loaded, unless its table says "
            "otherwise; 0 for ever.",
            extra=_SECONDS,
        ),
    ] = 0.0


class SamplingSettings(Struct, frozen=True, kw_only=True):
    """Sampling defaults.

    For requests that do not say themselves. Unset, the model file's recommendation holds, and
    llama.cpp's default where it has none.
    """

    temperature: Annotated[
        _NonNegative | None, Meta(description="Randomness of the answer; 0 is none.")
    ] = None
    top_k: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Draw from the K likeliest tokens; 0 for all."),
    ] = None
    top_p: Annotated[
        _Fraction | None, Meta(description="Draw from the likeliest tokens that sum up to P.")
    ] = None
    min_p: Annotated[
        _Fraction | None, Meta(description="Leave out tokens less likely than P times the best.")
    ] = None
    typical_p: Annotated[
        _Fraction | None, Meta(description="Locally typical sampling; 1 for off.")
    ] = None
    repeat_penalty: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="Divide the logits of recent tokens by this; 1 for off."),
    ] = None
    repeat_last_n: Annotated[
        Annotated[int, Meta(ge=-1)] | None,
        Meta(description="How many tokens count as recent; -1 for all.", extra=_TOKENS),
    ] = None
    frequency_penalty: Annotated[
        _Penalty | None, Meta(description="Penalty for each occurrence of a token.")
    ] = None
    presence_penalty: Annotated[
        _Penalty | None, Meta(description="Penalty for a token that occurred.")
    ] = None


class ModelTable(Struct, frozen=True, kw_only=True):
    """A model that requests may name, with what is set for it alone."""

    model: str
    """As MODEL on the command line."""
    name: str | None = None
    """The name that requests give; None for the model's own."""
    aliases: tuple[str, ...] = ()
    pin: bool = False
    """It stays loaded once it is."""
    ttl: float | None = None
    """Seconds that it stays loaded unused, 0 for ever; None as `idle_unload_seconds` says."""
    preload: bool = False
    """It is loaded at the start."""
    model_settings: dict[str, Any] = {}
    """Of `[model]`, by name."""
    sampling: dict[str, Any] = {}
    """Of `[sampling]`, by name."""


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that can be set."""

    server: ServerSettings = ServerSettings()
    connections: ConnectionSettings = ConnectionSettings()
    model: ModelSettings = ModelSettings()
    queue: QueueSettings = QueueSettings()
    limits: LimitSettings = LimitSettings()
    registry: RegistrySettings = RegistrySettings()
    legacy: LegacySettings = LegacySettings()
    sampling: SamplingSettings = SamplingSettings()
    models: tuple[ModelTable, ...] = ()
    """What `[[models]]` in the file says, in its order."""

    def of(self, table: ModelTable) -> Settings:
        """The settings for a model with a table of its own. Adapters are of one model alone."""
        named = {"model": table.model, "model_alias": table.name}
        model = {"lora": (), **table.model_settings, **named}
        return structs.replace(
            self,
            model=structs.replace(self.model, **model),
            sampling=structs.replace(self.sampling, **table.sampling),
        )
