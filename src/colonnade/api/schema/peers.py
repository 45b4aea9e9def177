"""Fields of llama-server and vLLM that both endpoints know by name alone.

What becomes of each is in the table (``colonnade.api.fields``): refused, but for values that ask
for nothing, or without effect.
"""

from typing import Any

from msgspec import Struct


class LlamaServerFields(Struct, kw_only=True):
    """llama-server's."""

    verbose: Any = None
    n_indent: Any = None
    post_sampling_probs: Any = None
    response_fields: Any = None
    grammar_lazy: Any = None
    grammar_triggers: Any = None
    preserved_tokens: Any = None
    generation_prompt: Any = None
    chat_format: Any = None
    chat_parser: Any = None
    reasoning_control: Any = None
    reasoning_budget_start_tag: Any = None
    reasoning_budget_end_tag: Any = None
    reasoning_budget_end_tags: Any = None
    reasoning_budget_message: Any = None
    samplers: Any = None
    min_keep: Any = None
    adaptive_target: Any = None
    adaptive_decay: Any = None
    lora: Any = None
    t_max_predict_ms: Any = None
    n_probs: Any = None
    n_cmpl: Any = None
    return_tokens: Any = None
    timings_per_token: Any = None
    return_progress: Any = None
    sse_ping_interval: Any = None
    cache_prompt: Any = None

    id_slot: Any = None
    """Without effect, as the rest."""
    n_keep: Any = None
    n_discard: Any = None
    n_cache_reuse: Any = None
    backend_sampling: Any = None


class VllmFields(LlamaServerFields, kw_only=True):
    """vLLM's."""

    use_beam_search: Any = None
    guided_whitespace_pattern: Any = None
    logits_processors: Any = None
    kv_transfer_params: Any = None
    ec_transfer_params: Any = None
    vllm_xargs: Any = None
    repetition_detection: Any = None
    min_tokens: Any = None
    stop_token_ids: Any = None
    include_stop_str_in_output: Any = None
    bad_words: Any = None
    allowed_token_ids: Any = None
    truncate_prompt_tokens: Any = None
    truncation_side: Any = None
    skip_special_tokens: Any = None
    prompt_logprobs: Any = None
    logprob_token_ids: Any = None
    return_token_ids: Any = None
    return_tokens_as_token_ids: Any = None
    request_id: Any = None
    cache_salt: Any = None
    add_special_tokens: Any = None

    length_penalty: Any = None
    """Without effect, as the rest."""
    early_stopping: Any = None
    spaces_between_special_tokens: Any = None
    guided_decoding_backend: Any = None
    session_id: Any = None
    stream_interval: Any = None
    watermarking: Any = None
    routed_experts_prompt_start: Any = None
    return_token_offsets: Any = None
