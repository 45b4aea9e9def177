"""What FlowGen's ``/chat`` may be told of an answer: llama-cpp-python's options, one by one.

The table is the truth: the code obeys it, and docs/flowgen-options.md is printed from it.
"""

from __future__ import annotations

from typing import Any

from colonnade.legacy.option_table import Fate, Option

DEFAULTS: dict[str, Any] = {
    "max_tokens": 100,
    "temperature": 0.8,
    "top_p": 0.95,
    "top_k": 40,
    "min_p": 0.05,
    "repeat_penalty": 1.1,
}

_PYTHON = "HTTP cannot carry a Python object."

OPTIONS: tuple[Option, ...] = (
    Option("prompt", Fate.REFUSED, "any", "The prompt is made from the messages."),
    Option("suffix", Fate.HONOURED, "text", "Put behind the answer."),
    Option("max_tokens", Fate.HONOURED, "int", "0 or less: up to the context."),
    Option("temperature", Fate.HONOURED, "float", ""),
    Option("top_p", Fate.HONOURED, "float", ""),
    Option("min_p", Fate.HONOURED, "float", ""),
    Option("typical_p", Fate.HONOURED, "float", ""),
    Option("logprobs", Fate.HONOURED, "int", "In the choice's `logprobs`, as completions have it."),
    Option("echo", Fate.HONOURED, "bool", "The rendered prompt stands before the answer."),
    Option("stop", Fate.HONOURED, "texts", ""),
    Option("frequency_penalty", Fate.HONOURED, "float", ""),
    Option("presence_penalty", Fate.HONOURED, "float", ""),
    Option("repeat_penalty", Fate.HONOURED, "float", ""),
    Option("top_k", Fate.HONOURED, "int", "0 or less: all."),
    Option("stream", Fate.HONOURED, "bool", ""),
    Option("seed", Fate.HONOURED, "int", ""),
    Option("tfs_z", Fate.REFUSED, "float", "llama.cpp has it no longer.", 1.0),
    Option("mirostat_mode", Fate.HONOURED, "int", ""),
    Option("mirostat_tau", Fate.HONOURED, "float", ""),
    Option("mirostat_eta", Fate.HONOURED, "float", ""),
    Option("model", Fate.HONOURED, "text", "The name in the answer."),
    Option("stopping_criteria", Fate.REFUSED, "any", _PYTHON),
    Option("logits_processor", Fate.REFUSED, "any", _PYTHON),
    Option("grammar", Fate.HONOURED, "text", "In llama.cpp's notation."),
    Option("logit_bias", Fate.HONOURED, "bias", ""),
)

NAMES = {"mirostat_mode": "mirostat"}
"""Those that ``/v1/chat/completions`` knows under another name."""

OWN = frozenset({"suffix", "echo", "stream", "model", "logprobs", "max_tokens"})
"""Those that are more than a field of ``/v1/chat/completions``."""
