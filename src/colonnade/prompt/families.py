"""Which packaged template a model was most likely trained with, told by its vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colonnade.messages import ModelInfo

LAST_RESORT = "alpaca"
"""Plain text with headings: no special token that a model may not have, readable to any of them."""

_BY_TOKENS: tuple[tuple[str, frozenset[str]], ...] = (
    ("phi4", frozenset({"<|im_start|>", "<|im_sep|>"})),
    ("chatml", frozenset({"<|im_start|>"})),
    ("llama3", frozenset({"<|start_header_id|>"})),
    ("gemma", frozenset({"<start_of_turn>"})),
    ("command-r", frozenset({"<|START_OF_TURN_TOKEN|>"})),
    ("granite", frozenset({"<|start_of_role|>"})),
    ("deepseek", frozenset({"<｜User｜>", "<｜Assistant｜>"})),
    ("exaone", frozenset({"[|assistant|]", "[|endofturn|]"})),
    ("glm4", frozenset({"[gMASK]", "<|user|>"})),
    ("phi3", frozenset({"<|user|>", "<|end|>"})),
    ("mistral", frozenset({"[INST]"})),
    ("openchat", frozenset({"<|end_of_turn|>"})),
    ("falcon3", frozenset({"<|user|>", "<|assistant|>"})),
)
"""Every token of a row must be in the vocabulary. The most particular rows come first."""

_BY_NAME: tuple[tuple[str, str], ...] = (
    ("vicuna", "vicuna"),
    ("zephyr", "zephyr"),
    ("tinyllama", "zephyr"),
    ("alpaca", "alpaca"),
    ("openchat", "openchat"),
    ("llama-2", "llama2"),
    ("llama 2", "llama2"),
    ("mixtral", "mistral"),
    ("mistral", "mistral"),
    ("llama-3", "llama3"),
    ("gemma", "gemma"),
    ("phi-3", "phi3"),
    ("qwen", "chatml"),
    ("lfm2", "chatml"),
)
"""For vocabularies whose tokens do not tell: most are of the years when formats were plain text."""

_BY_ARCHITECTURE: dict[str, str] = {
    "chatglm": "glm4",
    "cohere2": "command-r",
    "command-r": "command-r",
    "deepseek2": "deepseek",
    "exaone": "exaone",
    "exaone4": "exaone",
    "gemma": "gemma",
    "gemma2": "gemma",
    "gemma3": "gemma",
    "gemma3n": "gemma",
    "glm4": "glm4",
    "granite": "granite",
    "granitehybrid": "granite",
    "granitemoe": "granite",
    "phi3": "phi3",
}
"""Architectures of one family alone. ``llama`` is not here: half the world is built on it."""


def family(info: ModelInfo, hint: str = "") -> str:
    """Name the packaged template that fits a model best.

    ``hint`` is what somebody calls the model or its tokenizer; the vocabulary knows better.
    """
    tokens = frozenset(info.special_tokens.values())
    for name, needed in _BY_TOKENS:
        if needed <= tokens:
            return name
    label = f"{hint} {info.name}".lower()
    for part, name in _BY_NAME:
        if part in label:
            return name
    return _BY_ARCHITECTURE.get(info.architecture, LAST_RESORT)
