"""The fields that do what their documents say."""

from __future__ import annotations

from colonnade.api.fields.row import BOTH, CHAT, COMPLETIONS, Endpoint, Field, Source, Standing

_ALL = (Source.OPENAI, Source.LLAMA_SERVER, Source.VLLM)
_OPENAI = (Source.OPENAI,)
_LLAMA = (Source.LLAMA_SERVER,)
_VLLM = (Source.VLLM,)
_PEERS = (Source.LLAMA_SERVER, Source.VLLM)


def _done(
    name: str,
    sources: tuple[Source, ...],
    note: str = "",
    endpoints: tuple[Endpoint, ...] = BOTH,
) -> Field:
    return Field(name, Standing.DONE, note, endpoints, sources)


_WHAT = (
    _done("model", _ALL, "The name of a served model; absent for the default one."),
    _done("messages", _ALL, "Text alone.", CHAT),
    _done("prompt", _ALL, "Text, token ids, or a list of either.", COMPLETIONS),
    _done("suffix", _OPENAI, "Fills the gap, with a model that has infill tokens.", COMPLETIONS),
    _done("echo", (Source.OPENAI, Source.VLLM), "Not with `suffix`.", COMPLETIONS),
    _done("echo", _PEERS, "Puts the last message's text first, if an assistant's.", CHAT),
    _done(
        "continue_final_message",
        _PEERS,
        "The last message goes on; a form is that of the whole. Calls do not go on.",
        CHAT,
    ),
    _done("stream", _ALL),
    _done("stream_options", _ALL, "`include_usage`; nothing is obfuscated here."),
    _done(
        "service_tier",
        _OPENAI,
        "`priority` (`fast`), `default` (`auto`, `scale`), `flex`: three classes in the queue.",
        CHAT,
    ),
    _done("priority", _VLLM, "Within the tier; the lesser number comes first."),
    _done("n", _ALL, "Up to the server's limit of choices."),
    _done("best_of", _OPENAI, "Not with `stream`.", COMPLETIONS),
    _done("max_tokens", _ALL, "-1 for no limit."),
    _done("max_completion_tokens", _ALL, "Comes before `max_tokens`.", CHAT),
    _done("n_predict", _LLAMA, "Another name of `max_tokens`, which comes before it."),
    _done("stop", _ALL, "Up to 16 strings."),
    _done("ignore_eos", _PEERS),
    _done("logprobs", _ALL, "A number on completions, up to 20; true or false on chat."),
    _done("top_logprobs", _ALL, "Up to 20.", CHAT),
)

_SAMPLING = (
    _done("temperature", _ALL, "0 is greedy."),
    _done("top_p", _ALL),
    _done("frequency_penalty", _ALL),
    _done("presence_penalty", _ALL),
    _done("logit_bias", _ALL),
    _done("seed", _ALL, "-1 for a fresh one. Its last 31 bits count."),
    _done("top_k", _PEERS, "0 or less for all."),
    _done("min_p", _PEERS),
    _done("typical_p", _LLAMA),
    _done("top_n_sigma", _LLAMA),
    _done("xtc_probability", _LLAMA),
    _done("xtc_threshold", _LLAMA),
    _done("dry_multiplier", _LLAMA),
    _done("dry_base", _LLAMA),
    _done("dry_allowed_length", _LLAMA),
    _done("dry_penalty_last_n", _LLAMA),
    _done("dry_sequence_breakers", _LLAMA),
    _done("repeat_penalty", _LLAMA),
    _done("repetition_penalty", _VLLM, "Another name of `repeat_penalty`."),
    _done("repeat_last_n", _LLAMA, "Holds for all three penalties."),
    _done("mirostat", _LLAMA),
    _done("mirostat_tau", _LLAMA),
    _done("mirostat_eta", _LLAMA),
    _done("dynatemp_range", _LLAMA),
    _done("dynatemp_exponent", _LLAMA),
)

_FORMS = (
    _done("response_format", _ALL, "[Structured output](structured-output.md)."),
    _done("json_schema", _LLAMA),
    _done("grammar", _LLAMA, "GBNF or Lark."),
    _done("regex", _LLAMA, "A further way to ask for a form."),
    _done("structured_outputs", _VLLM, "All but `structural_tag`, which is refused."),
    _done("guided_json", _VLLM, "vLLM's older name, as the next three."),
    _done("guided_regex", _VLLM),
    _done("guided_choice", _VLLM),
    _done("guided_grammar", _VLLM),
)

_CHAT = (
    _done("tools", _ALL, "", CHAT),
    _done("tool_choice", _ALL, "", CHAT),
    _done("parallel_tool_calls", _ALL, "", CHAT),
    _done("functions", _OPENAI, "The older form of `tools`.", CHAT),
    _done("function_call", _OPENAI, "The older form of `tool_choice`.", CHAT),
    _done("reasoning_effort", _ALL, "Reaches the chat template; `none` for no thought.", CHAT),
    _done("verbosity", _OPENAI, "Reaches the chat template.", CHAT),
    _done("reasoning_format", _LLAMA, "`none` leaves thoughts in the content.", CHAT),
    _done("include_reasoning", _VLLM, "False leaves thoughts out of the answer.", CHAT),
    _done("thinking_budget", _LLAMA, "Tokens of thought; the next four are other names.", CHAT),
    _done("thinking_budget_tokens", _LLAMA, "", CHAT),
    _done("reasoning_budget", _LLAMA, "", CHAT),
    _done("reasoning_budget_tokens", _LLAMA, "", CHAT),
    _done("thinking_token_budget", _VLLM, "", CHAT),
    _done("chat_template_kwargs", _PEERS, "Reach the chat template as they are.", CHAT),
    _done("add_generation_prompt", _PEERS, "Reaches the chat template.", CHAT),
)

DONE = (*_WHAT, *_SAMPLING, *_FORMS, *_CHAT)
