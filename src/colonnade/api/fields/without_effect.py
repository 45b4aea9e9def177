"""The fields that are accepted and cannot change the answer here."""

from __future__ import annotations

from colonnade.api.fields.row import BOTH, CHAT, Endpoint, Field, Source, Standing

_OPENAI = (Source.OPENAI,)
_LLAMA = (Source.LLAMA_SERVER,)
_VLLM = (Source.VLLM,)


def _idle(
    name: str,
    sources: tuple[Source, ...],
    example: object,
    note: str,
    endpoints: tuple[Endpoint, ...] = BOTH,
) -> Field:
    return Field(name, Standing.WITHOUT_EFFECT, note, endpoints, sources, example=example)


WITHOUT_EFFECT = (
    _idle("user", (Source.OPENAI, Source.VLLM), "me", "Nobody's abuse is watched here."),
    _idle("safety_identifier", _OPENAI, "s", "Nobody's abuse is watched here.", CHAT),
    _idle("store", _OPENAI, True, "Answers are not stored."),
    _idle("metadata", _OPENAI, {"a": "b"}, "It belongs to stored answers.", CHAT),
    _idle(
        "prompt_cache_options",
        _OPENAI,
        {"mode": "implicit"},
        "What was read before is found without being told, and the answer is the same.",
        CHAT,
    ),
    _idle(
        "prompt_cache_retention",
        _OPENAI,
        "24h",
        "What was read before is kept as long as there is room; the answer is the same.",
        CHAT,
    ),
    _idle(
        "prompt_cache_key",
        _OPENAI,
        "k",
        "There is one place to look, and a tree of all that was read finds the longest beginning.",
        CHAT,
    ),
    _idle("id_slot", _LLAMA, 0, "A request gets the slot that remembers most of its prompt."),
    _idle("n_keep", _LLAMA, -1, "Nothing is discarded when the context is full: the answer ends."),
    _idle("n_discard", _LLAMA, 64, "As `n_keep`."),
    _idle("n_cache_reuse", _LLAMA, 256, "What is reused is what was read, never shifted."),
    _idle("backend_sampling", _LLAMA, True, "Where tokens are drawn does not change which."),
    _idle(
        "length_penalty", _VLLM, 1.5, "It belongs to beam search, which `use_beam_search` asks for."
    ),
    _idle("early_stopping", _VLLM, True, "As `length_penalty`."),
    _idle(
        "spaces_between_special_tokens",
        _VLLM,
        False,
        "The tokenizers of GGUF files put no spaces there.",
    ),
    _idle("guided_decoding_backend", _VLLM, "xgrammar", "Forms are held by llguidance."),
    _idle("session_id", _VLLM, "s", "A conversation is known by its text."),
    _idle("stream_interval", _VLLM, 4, "Chunks hold what a step has added; the text is the same."),
    _idle("watermarking", _VLLM, False, "There are no watermarks here."),
    _idle("routed_experts_prompt_start", _VLLM, 0, "No routing of experts is returned here."),
    _idle(
        "return_token_offsets", _VLLM, True, "vLLM looks at it on its `/render` endpoints alone."
    ),
    _idle("return_assistant_tokens_mask", _VLLM, True, "As `return_token_offsets`.", CHAT),
)
