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
