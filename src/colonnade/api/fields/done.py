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
    _done(
        "model",
        _ALL,
        "The name of a served model, or `NAME:ADAPTER`; absent for the default one.",
    ),
    _done(
        "messages",
        _ALL,
        "Text; pictures (`image_url`) and sounds (`input_audio`, `audio_url`) where the model "
        "takes them; no films, no files. A picture's `detail` is ignored: all of it is read.",
        CHAT,
    ),
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
    _done(
        "stream_options",
        _ALL,
        "`include_usage`; nothing is obfuscated here. Without `stream` it asks for nothing.",
    ),
    _done(
        "prediction",
        _OPENAI,
        "Guesses are taken from it; none with `--no-speculate` or log probabilities.",
        CHAT,
    ),
    _done(
        "service_tier",
        _OPENAI,
        "`priority` (`fast`), `default` (`auto`, `scale`), `flex`: three classes in the queue.",
        CHAT,
    ),
    _done("priority", _VLLM, "Within the tier; the lesser number comes first."),
    _done("n", _ALL, "Up to the server's limit of choices."),
    _done("best_of", _OPENAI, "Not with `stream`. 0 is as absent.", COMPLETIONS),
    _done("max_tokens", _ALL, "-1 for no limit."),
    _done("max_completion_tokens", _ALL, "Comes before `max_tokens`.", CHAT),
    _done("n_predict", _LLAMA, "Another name of `max_tokens`, which comes before it."),
    _done("n_cmpl", _LLAMA, "Another name of `n`."),
    _done("stop", _ALL, "Up to 16 strings; empty ones are none."),
    _done("ignore_eos", _PEERS),
    _done("logprobs", _ALL, "A number on completions, up to 20; true or false on chat."),
    _done("top_logprobs", _ALL, "Up to 20.", CHAT),
)

_SAMPLING = (
    _done("temperature", _ALL, "0 is greedy."),
    _done("top_p", _ALL),
    _done("frequency_penalty", _ALL),
    _done("presence_penalty", _ALL),
    _done(
        "logit_bias",
        _ALL,
        "Also llama-server's list of pairs, of a token id or a text and its bias; false forbids.",
    ),
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
    _done("min_keep", _LLAMA),
    _done("adaptive_target", _LLAMA, "Also without `adaptive_p` among `samplers`, if absent."),
    _done("adaptive_decay", _LLAMA),
    _done(
        "samplers",
        _LLAMA,
        "Names or letters; an unknown one is refused, `infill` among them, whose time grows with "
        "the square of the vocabulary. Mirostat has its own chain, as there.",
    ),
)

_LIMITS = (
    _done(
        "min_tokens",
        _VLLM,
        "Before them no end token is drawn and no stop string is looked for. Not with a form of "
        "the answer or with tools, which may end earlier.",
    ),
    _done("stop_token_ids", _VLLM, "As stop strings, they do not cut what a grammar holds."),
    _done("include_stop_str_in_output", _VLLM),
    _done(
        "bad_words",
        _VLLM,
        "Forbidden within a word and at the beginning of one. Not with a form of the answer or "
        "with tools.",
    ),
    _done("allowed_token_ids", _VLLM, "Not with a form of the answer or with tools."),
    _done(
        "t_max_predict_ms",
        _LLAMA,
        "From the first token on; then the next line break ends the answer, with `length`.",
    ),
    _done("truncate_prompt_tokens", _VLLM, "-1: as many as leave room for the answer."),
    _done("truncation_side", _VLLM, "`left`, unless it says otherwise."),
    _done(
        "add_special_tokens",
        _VLLM,
        "False: no BOS token is put before a text. A chat template's own stays; there are never "
        "two.",
    ),
    _done(
        "lora",
        _LLAMA,
        "`id` is an adapter's place or its name; scales are at most 100. Those left out are not "
        "applied; an empty list is as none. Not with an adapter in the model's name.",
    ),
    _done("cache_prompt", _LLAMA, "False: the whole prompt is read."),
    _done("cache_salt", _VLLM, "The whole prompt is read, and nobody else profits by it."),
)

_REPORTS = (
    _done("skip_special_tokens", _VLLM, "False shows control tokens within the text."),
    _done("n_probs", _LLAMA, "As `logprobs` with so many alternatives, up to 20."),
    _done("prompt_logprobs", _VLLM, "Up to 20; not with `stream`."),
    _done("logprob_token_ids", _VLLM, "With `logprobs`: the alternatives to report."),
    _done("return_tokens_as_token_ids", _VLLM),
    _done("return_token_ids", _VLLM),
    _done("return_tokens", _LLAMA, "Another name of `return_token_ids`."),
    _done("return_prompt_text", _VLLM, "The rendered prompt, before it is cut.", CHAT),
    _done("request_id", _VLLM, "The answer's `id` ends with it."),
    _done("timings_per_token", _LLAMA, "With each chunk of a stream; other answers have them."),
    _done("return_progress", _LLAMA, "In a stream: chunks with `prompt_progress`."),
    _done("sse_ping_interval", _LLAMA, "Seconds; -1 or 0 for no comments."),
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
    _done("reasoning_budget_message", _LLAMA, "Stands before the marker.", CHAT),
    _done("documents", _VLLM, "Reach the chat template.", CHAT),
    _done("chat_template_kwargs", _PEERS, "Reach the chat template as they are.", CHAT),
    _done("add_generation_prompt", _PEERS, "Reaches the chat template.", CHAT),
)

DONE = (*_WHAT, *_SAMPLING, *_LIMITS, *_REPORTS, *_FORMS, *_CHAT)
