"""The fields that are refused by name."""

from __future__ import annotations

from colonnade.api.fields.row import BOTH, CHAT, COMPLETIONS, Endpoint, Field, Source, Standing

_OPENAI = (Source.OPENAI,)
_LLAMA = (Source.LLAMA_SERVER,)
_VLLM = (Source.VLLM,)


def _refused(
    name: str,
    sources: tuple[Source, ...],
    example: object,
    note: str,
    endpoints: tuple[Endpoint, ...] = BOTH,
    *,
    neutral: tuple[object, ...] = (),
) -> Field:
    return Field(name, Standing.REFUSED, note, endpoints, sources, neutral, example)


_OPENAI_FIELDS = (
    _refused(
        "modalities",
        _OPENAI,
        ["text", "audio"],
        "Only text can be generated.",
        CHAT,
        neutral=(["text"],),
    ),
    _refused("audio", _OPENAI, {"voice": "ash"}, "Only text can be generated.", CHAT),
    _refused("web_search_options", _OPENAI, {}, "This server does not search the web.", CHAT),
    _refused("moderation", _OPENAI, {"model": "m"}, "This server has no moderation model.", CHAT),
)

_LLAMA_FIELDS = (
    _refused("verbose", _LLAMA, True, "Answers hold no debugging information.", neutral=(False,)),
    _refused(
        "n_indent", _LLAMA, 4, "Answers are not cut by their lines' indentation.", neutral=(0,)
    ),
    _refused(
        "post_sampling_probs",
        _LLAMA,
        True,
        "Log probabilities are the model's own, from before any sampler.",
        neutral=(False,),
    ),
    _refused(
        "response_fields",
        _LLAMA,
        ["content"],
        "Answers have the shape of OpenAI's endpoints.",
        neutral=([],),
    ),
    _refused(
        "grammar_lazy",
        _LLAMA,
        True,
        "A grammar holds from the answer's beginning.",
        neutral=(False,),
    ),
    _refused(
        "grammar_triggers",
        _LLAMA,
        [{"type": 1, "value": "<"}],
        "A grammar holds from the answer's beginning.",
        neutral=([],),
    ),
    _refused(
        "preserved_tokens",
        _LLAMA,
        ["<tool>"],
        "Which special tokens are shown follows from the model's template.",
        neutral=([],),
    ),
    _refused(
        "generation_prompt",
        _LLAMA,
        "<think>",
        "It follows from the model's template.",
        neutral=("",),
    ),
    _refused("chat_format", _LLAMA, 1, "How answers are read follows from the model's template."),
    _refused(
        "chat_parser",
        _LLAMA,
        "{}",
        "How answers are read follows from the model's template.",
        neutral=("",),
    ),
    _refused(
        "parse_tool_calls",
        _LLAMA,
        False,
        "Calls are always parsed: leave out 'tools', or set 'tool_choice' to none.",
        CHAT,
        neutral=(True,),
    ),
    _refused(
        "reasoning_control",
        _LLAMA,
        True,
        "A thought cannot be ended from outside; budgets can end it.",
        neutral=(False,),
    ),
    _refused(
        "reasoning_budget_start_tag",
        _LLAMA,
        "<think>",
        "The markers of thoughts follow from the model's template.",
        neutral=("",),
    ),
    _refused(
        "reasoning_budget_end_tag",
        _LLAMA,
        "</think>",
        "The markers of thoughts follow from the model's template.",
        neutral=("",),
    ),
    _refused(
        "reasoning_budget_end_tags",
        _LLAMA,
        ["</think>"],
        "The markers of thoughts follow from the model's template.",
        neutral=([],),
    ),
)

_VLLM_FIELDS = (
    _refused("use_beam_search", _VLLM, True, "There is no beam search.", neutral=(False,)),
    _refused(
        "best_of",
        _VLLM,
        2,
        "Only /v1/completions picks the best of several.",
        CHAT,
        neutral=(0, 1),
    ),
    _refused(
        "prompt_embeds", _VLLM, "AAAA", "A prompt is text or token ids.", COMPLETIONS, neutral=([],)
    ),
    _refused(
        "chat_template",
        _VLLM,
        "{{ messages }}",
        "The model's own chat template is used: a client's would be a program run here.",
        CHAT,
    ),
    _refused(
        "guided_whitespace_pattern", _VLLM, " ", "White space in JSON is llguidance's own rule."
    ),
    _refused(
        "logits_processors", _VLLM, ["m.f"], "A client's code is not run here.", neutral=([],)
    ),
    _refused(
        "media_io_kwargs",
        _VLLM,
        {"image": {"image_mode": "L"}},
        "How pictures and sounds are read follows from the model's projector.",
        CHAT,
        neutral=({},),
    ),
    _refused(
        "mm_processor_kwargs",
        _VLLM,
        {"num_crops": 4},
        "How pictures and sounds are read follows from the model's projector.",
        CHAT,
        neutral=({},),
    ),
    _refused(
        "kv_transfer_params",
        _VLLM,
        {"do_remote_decode": True},
        "One process reads the prompt and writes the answer.",
        neutral=({},),
    ),
    _refused(
        "ec_transfer_params",
        _VLLM,
        {"a": 1},
        "One process reads the prompt and writes the answer.",
        neutral=({},),
    ),
    _refused("vllm_xargs", _VLLM, {"a": 1}, "There are no extensions here.", neutral=({},)),
    _refused(
        "repetition_detection",
        _VLLM,
        {"max_pattern_size": 4},
        "Repetition does not end an answer; DRY and the penalties discourage it.",
    ),
    _refused(
        "thinking_token_budget",
        _VLLM,
        10,
        "Thoughts are told from answers on /v1/chat/completions alone.",
        COMPLETIONS,
        neutral=(-1,),
    ),
)

REFUSED = (*_OPENAI_FIELDS, *_LLAMA_FIELDS, *_VLLM_FIELDS)
