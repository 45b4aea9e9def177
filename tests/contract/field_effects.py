"""How the fields that are done are seen to do something."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Effect:
    """A value that makes the answer another one than without the field, other fields beside it
    being as they are."""

    value: Any
    beside: dict[str, Any] = field(default_factory=dict)


_GREEDY: dict[str, Any] = {"max_tokens": 8, "temperature": 0}
_HALF_SAID: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "My name is Alice. What is my name?"},
        {"role": "assistant", "content": "Your name is"},
    ]
}
_WILD: dict[str, Any] = {
    "max_tokens": 16,
    "temperature": 4,
    "seed": 5,
    "top_k": 0,
    "top_p": 1,
    "min_p": 0,
}
"""Almost any token may be drawn, always the same one."""
_LONG: dict[str, Any] = {"max_tokens": 80, "temperature": 0}
_ANSWERED = {"prompt": "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n"}
"""A prompt whose continuation comes to an end."""
_LOOPING: dict[str, Any] = {"max_tokens": 60, "temperature": 0, "ignore_eos": True}
"""It goes on behind its end, and says the same again."""
_DRY = _LOOPING | {"dry_multiplier": 3}
_REPEATING = _WILD | {"repeat_penalty": 5, "max_tokens": 40}
_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {}}},
}
_TOOLS = _GREEDY | {"tools": [_TOOL]}
_THINKING: dict[str, Any] = {
    "max_tokens": 60,
    "temperature": 0,
    "chat_template_kwargs": {"enable_thinking": True},
}
_DIGITS = "[0-9]{5}"
_SCHEMA = {"type": "integer", "minimum": 10, "maximum": 20}

_SAMPLING = {
    "temperature": Effect(0, _WILD),
    "top_p": Effect(0.01, _WILD),
    "frequency_penalty": Effect(2, _WILD),
    "presence_penalty": Effect(2, _WILD),
    "logit_bias": Effect({"70": 100}, _GREEDY),
    "seed": Effect(6, _WILD),
    "top_k": Effect(1, _WILD),
    "min_p": Effect(0.9, _WILD),
    "typical_p": Effect(0.01, _WILD),
    "top_n_sigma": Effect(0.1, _WILD),
    "xtc_probability": Effect(1, _WILD | {"xtc_threshold": 0.001}),
    "xtc_threshold": Effect(0.001, _WILD | {"xtc_probability": 1}),
    "dry_multiplier": Effect(3, _LOOPING),
    "dry_base": Effect(1000, _DRY | {"dry_multiplier": 0.1}),
    "dry_allowed_length": Effect(20, _DRY),
    "dry_penalty_last_n": Effect(2, _DRY),
    "dry_sequence_breakers": Effect([" "], _DRY),
    "repeat_penalty": Effect(5, _WILD),
    "repetition_penalty": Effect(5, _WILD),
    "repeat_last_n": Effect(1, _REPEATING),
    "mirostat": Effect(2, _WILD),
    "mirostat_tau": Effect(0.1, _WILD | {"mirostat": 2}),
    "mirostat_eta": Effect(1, _WILD | {"mirostat": 2, "mirostat_tau": 3, "max_tokens": 40}),
    "dynatemp_range": Effect(3.9, _WILD),
    "dynatemp_exponent": Effect(0.1, _WILD | {"dynatemp_range": 3.9}),
    "min_keep": Effect(2000, _WILD | {"min_p": 0.99}),
    "adaptive_target": Effect(0, _WILD | {"temperature": 1}),
    "adaptive_decay": Effect(
        0, _WILD | {"adaptive_target": 0.4, "temperature": 1.5, "max_tokens": 80}
    ),
    "samplers": Effect(["top_k"], _WILD | {"top_k": 30}),
}

_LIMITS = {
    "n_cmpl": Effect(2, _GREEDY),
    "chat.min_tokens": Effect(40, _LONG),
    "completions.min_tokens": Effect(40, _LONG | _ANSWERED),
    "t_max_predict_ms": Effect(1, _LONG | {"logit_bias": [["\n", 100]]}),
    "bad_words": Effect(["Hello", "a", "e"], _GREEDY),
    "allowed_token_ids": Effect([7, 9], _GREEDY),
    "skip_special_tokens": Effect(False, _WILD | {"allowed_token_ids": [4083, 9]}),
    "truncate_prompt_tokens": Effect(1, _GREEDY),
    "truncation_side": Effect("right", _GREEDY | {"truncate_prompt_tokens": 2}),
    "n_probs": Effect(2, _GREEDY),
    "prompt_logprobs": Effect(1, _GREEDY),
    "chat.logprob_token_ids": Effect([7], _GREEDY | {"logprobs": True}),
    "completions.logprob_token_ids": Effect([7], _GREEDY | {"logprobs": 1}),
    "chat.return_tokens_as_token_ids": Effect(True, _GREEDY | {"logprobs": True}),
    "completions.return_tokens_as_token_ids": Effect(True, _GREEDY | {"logprobs": 1}),
    "return_token_ids": Effect(True, _GREEDY),
    "return_tokens": Effect(True, _GREEDY),
    "return_prompt_text": Effect(True, _GREEDY),
}

_FORMS = {
    "response_format": Effect({"type": "json_object"}, _GREEDY),
    "json_schema": Effect(_SCHEMA, _GREEDY),
    "grammar": Effect('root ::= "yes"', _GREEDY),
    "regex": Effect(_DIGITS, _GREEDY),
    "structured_outputs": Effect({"regex": _DIGITS}, _GREEDY),
    "guided_json": Effect(_SCHEMA, _GREEDY),
    "guided_regex": Effect(_DIGITS, _GREEDY),
    "guided_choice": Effect(["left", "right"], _GREEDY),
    "guided_grammar": Effect('start: "yes"', _GREEDY),
}

_CHAT = {
    "tools": Effect([_TOOL], _GREEDY),
    "tool_choice": Effect("required", _TOOLS),
    "functions": Effect([_TOOL["function"]], _GREEDY),
    "function_call": Effect({"name": "look"}, _GREEDY | {"functions": [_TOOL["function"]]}),
    "parallel_tool_calls": Effect(False, _TOOLS | {"tool_choice": "required", "max_tokens": 200}),
    "reasoning_effort": Effect("low", {"max_tokens": 60, "temperature": 0}),
    "reasoning_format": Effect("none", _THINKING),
    "include_reasoning": Effect(False, _THINKING),
    "chat_template_kwargs": Effect({"enable_thinking": True}, _GREEDY),
    "add_generation_prompt": Effect(False, _GREEDY),
} | {
    name: Effect(2, _THINKING)
    for name in (
        "thinking_budget",
        "thinking_budget_tokens",
        "reasoning_budget",
        "reasoning_budget_tokens",
        "thinking_token_budget",
    )
}

EFFECTS: dict[str, Effect] = {
    **_SAMPLING,
    **_LIMITS,
    **_FORMS,
    **_CHAT,
    "messages": Effect([{"role": "user", "content": "Say: blue"}], _GREEDY),
    "prompt": Effect("Blue", _GREEDY),
    "n": Effect(2, _GREEDY),
    "best_of": Effect(4, _WILD),
    "max_tokens": Effect(2, {"temperature": 0}),
    "max_completion_tokens": Effect(2, _GREEDY),
    "n_predict": Effect(2, {"temperature": 0}),
    "stop": Effect("e", _GREEDY),
    "chat.ignore_eos": Effect(True, _LONG),
    "completions.ignore_eos": Effect(True, _LONG | _ANSWERED),
    "chat.logprobs": Effect(True, _GREEDY),
    "completions.logprobs": Effect(1, _GREEDY),
    "top_logprobs": Effect(1, _GREEDY | {"logprobs": True}),
    "completions.echo": Effect(True, _GREEDY),
    "chat.echo": Effect(True, _GREEDY | _HALF_SAID),
    "continue_final_message": Effect(True, _GREEDY | _HALF_SAID),
    "stream_options": Effect({"include_usage": True}, _GREEDY | {"stream": True}),
}
"""By the field's name, or the endpoint's and the field's."""

SHOWN_BY: dict[str, str] = {
    "model": "contract/test_errors.py::test_unknown_model",
    "suffix": "api/test_completions.py::test_suffix_goes_along",
    "chat.stream": "contract/test_chat.py::test_stream",
    "completions.stream": "contract/test_completions.py::test_usage_of_a_stream",
    "stop_token_ids": "contract/test_limits.py::test_stop_tokens",
    "include_stop_str_in_output": "contract/test_limits.py::test_what_ends_it_can_be_shown",
    "lora": "contract/test_adapters.py::test_the_field_chooses_adapters_and_their_scales",
    "cache_prompt": "contract/test_limits.py::test_nothing_is_reused_where_that_is_not_wanted",
    "cache_salt": "contract/test_limits.py::test_what_is_read_with_a_salt_is_read_by_nobody_else",
    "add_special_tokens": "api/test_limits.py::test_special_tokens_may_be_left_out",
    "request_id": "contract/test_limits.py::test_the_id_may_be_chosen",
    "sse_ping_interval": "api/test_limits.py::test_how_often_a_silent_stream_says_that_it_lives",
    "reasoning_budget_message": "contract/test_limits.py::test_last_words_of_a_thought",
    "timings_per_token": "contract/test_limits.py::test_timings_with_each_chunk",
    "return_progress": "contract/test_limits.py::test_how_far_a_prompt_is_read",
    "documents": "api/test_chat_request.py::test_template_gets_its_arguments",
    "prediction": "contract/test_prediction.py::test_a_predicted_answer_is_the_same",
    "service_tier": "contract/test_classes.py::test_the_more_urgent_come_first",
    "priority": "contract/test_classes.py::test_the_more_urgent_come_first",
    "verbosity": "api/test_chat_request.py::test_template_gets_its_arguments",
}
"""``path::test`` under ``tests`` of the others."""
