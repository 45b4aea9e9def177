"""What the two generating endpoints have in common in a request body."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from colonnade.api.schema.forms import ResponseFormat, StructuredOutputs
from colonnade.api.schema.peers import VllmFields
from colonnade.generation import LARGEST_SCALE

MAX_STOPS = 16
MAX_LOGPROBS = 20
MAX_ADAPTERS = 64

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
Limit = Annotated[int, Meta(ge=-1)]
AdapterScale = Annotated[float, Meta(ge=-LARGEST_SCALE, le=LARGEST_SCALE)]
Count = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
StopString = Annotated[str, Meta(min_length=1)]
StopStrings = Annotated[list[str], Meta(max_length=MAX_STOPS)]
LogitBias = Annotated[float, Meta(ge=-100, le=100)]
Bias = LogitBias | bool
"""False forbids a token."""
LogprobCount = Annotated[int, Meta(ge=0, le=MAX_LOGPROBS)]
TokenIds = list[int]


class StreamOptions(Struct, kw_only=True):
    """How a stream is sent."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None
    """Accepted and ignored: nothing is obfuscated here."""


class SamplingFields(VllmFields, kw_only=True):
    """Sampling: OpenAI's fields, and llama.cpp's further ones under llama-server's names.

    A field of the same name as one of ``messages.Sampling`` sets that one.
    """

    temperature: Annotated[float, Meta(ge=0, le=100)] | None = None
    top_p: Share | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    logit_bias: dict[str, Bias] | list[tuple[int | str, Bias]] | None = None
    """By token id, or pairs of a token id or a text with its bias, as llama-server has it."""
    seed: int | None = None
    """-1 for a fresh one, as llama-server has it."""
    top_k: Int32 | None = None
    min_p: Share | None = None
    typical_p: Share | None = None
    top_n_sigma: float | None = None
    xtc_probability: Share | None = None
    xtc_threshold: Share | None = None
    dry_multiplier: Annotated[float, Meta(ge=0)] | None = None
    dry_base: Annotated[float, Meta(ge=0)] | None = None
    dry_allowed_length: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    dry_penalty_last_n: Annotated[int, Meta(ge=-1, le=2**31 - 1)] | None = None
    dry_sequence_breakers: Annotated[list[StopString], Meta(max_length=64)] | None = None
    repeat_penalty: Annotated[float, Meta(gt=0)] | None = None
    repetition_penalty: Annotated[float, Meta(gt=0)] | None = None
    """Another name of ``repeat_penalty``."""
    repeat_last_n: Annotated[int, Meta(ge=-1, le=2**31 - 1)] | None = None
    mirostat: Annotated[int, Meta(ge=0, le=2)] | None = None
    mirostat_tau: Annotated[float, Meta(ge=0)] | None = None
    mirostat_eta: Annotated[float, Meta(ge=0)] | None = None
    dynatemp_range: Annotated[float, Meta(ge=0)] | None = None
    dynatemp_exponent: Annotated[float, Meta(ge=0)] | None = None
    min_keep: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    adaptive_target: Annotated[float, Meta(le=1)] | None = None
    adaptive_decay: Annotated[float, Meta(ge=0, le=0.99)] | None = None
    samplers: list[str] | str | None = None
    """Names of samplers in their order, or a text of their letters."""


class AdapterWish(Struct, kw_only=True):
    """An adapter to apply, as llama-server has it."""

    id: Annotated[int, Meta(ge=0)] | Annotated[str, Meta(min_length=1, max_length=256)]
    """Its place among the model's adapters, or its name."""
    scale: AdapterScale


class LimitFields(SamplingFields, kw_only=True):
    """What may be said and when it ends, how the prompt is read, and what else is reported: mostly
    under vLLM's names."""

    stop: str | StopStrings | None = None
    ignore_eos: bool | None = None
    min_tokens: Count | None = None
    stop_token_ids: TokenIds | None = None
    include_stop_str_in_output: bool | None = None
    t_max_predict_ms: Annotated[int, Meta(ge=-1)] | None = None
    bad_words: list[str] | None = None
    allowed_token_ids: TokenIds | None = None
    skip_special_tokens: bool | None = None
    truncate_prompt_tokens: Limit | None = None
    truncation_side: Literal["left", "right"] | None = None
    add_special_tokens: bool | None = None
    cache_prompt: bool | None = None
    cache_salt: str | None = None
    n_probs: LogprobCount | None = None
    prompt_logprobs: LogprobCount | None = None
    logprob_token_ids: Annotated[TokenIds, Meta(max_length=128)] | None = None
    return_tokens_as_token_ids: bool | None = None
    return_token_ids: bool | None = None
    return_tokens: bool | None = None
    request_id: Annotated[str, Meta(max_length=256)] | None = None
    timings_per_token: bool | None = None
    return_progress: bool | None = None
    sse_ping_interval: Annotated[int, Meta(ge=-1)] | None = None


class GenerationFields(LimitFields, kw_only=True):
    """Everything both endpoints know besides the prompt."""

    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1)] | None = None
    n_cmpl: Annotated[int, Meta(ge=1)] | None = None
    """llama-server's name of ``n``."""
    max_tokens: Limit | None = None
    """-1 for no limit, as LM Studio has it."""
    n_predict: int | None = None
    """llama-server's name of ``max_tokens``; negative for no limit."""
    response_format: ResponseFormat | None = None
    """The form of the answer; below are further ones under llama-server's and vLLM's names."""
    grammar: str | None = None
    """In llama.cpp's notation (GBNF) or in Lark's, which is told by its rules."""
    json_schema: dict[str, Any] | bool | str | None = None
    regex: str | None = None
    structured_outputs: StructuredOutputs | None = None
    guided_json: dict[str, Any] | bool | str | None = None
    """What vLLM had before ``structured_outputs``, as the three below."""
    guided_regex: str | None = None
    guided_choice: list[str] | None = None
    guided_grammar: str | None = None
    priority: Int32 | None = None
    """vLLM's: where slots are few, the lesser number comes first."""
    user: Any = None
    """Accepted and ignored, as ``store``."""
    store: Any = None
    lora: Annotated[list[AdapterWish], Meta(max_length=MAX_ADAPTERS)] | None = None
    """Adapters to apply in place of the defaults, as llama-server has it."""

    @property
    def adapters(self) -> tuple[tuple[int | str, float], ...]:
        """What ``lora`` says."""
        return tuple((each.id, each.scale) for each in self.lora or ())
