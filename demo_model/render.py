"""Renders messages through the model's own chat template, as Hugging Face and llama.cpp do."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2.sandbox import ImmutableSandboxedEnvironment

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATE_PATH = Path(__file__).with_name("chat_template.jinja")
Message = dict[str, Any]


def _tojson(value: object) -> str:
    # Jinja's own filter escapes HTML and sorts keys; chat templates expect neither.
    return json.dumps(value, ensure_ascii=False)


@lru_cache(maxsize=1)
def _template() -> Template:
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    env.filters["tojson"] = _tojson
    return env.from_string(TEMPLATE_PATH.read_text(encoding="utf-8"))


def render(
    messages: list[Message],
    *,
    tools: list[dict[str, Any]] | None = None,
    thinking: bool = False,
    generate: bool = True,
) -> str:
    """The prompt text of a conversation; `generate` opens the assistant's turn at its end."""
    return _template().render(
        messages=messages,
        tools=tools or None,
        enable_thinking=thinking,
        add_generation_prompt=generate,
    )
