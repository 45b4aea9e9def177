"""Small conversations, and a template for each habit that models' own templates have."""

from typing import Any

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

ALTERNATING = (
    "{% for message in messages %}"
    "{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate.') }}"
    "{% endif %}"
    "{{ '[' + message.role + ']' + message.content }}"
    "{% endfor %}"
)

CALLS = (
    "{% for message in messages %}"
    "{{ '[' + message.role + ']' + message.content }}"
    "{% for call in message.tool_calls or [] %}"
    "{{ call.function.name }}(ARGUMENTS)"
    "{% endfor %}"
    "{% endfor %}"
)
"""``ARGUMENTS`` stands for the expression that prints a call's arguments."""

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
}


def system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def parts(*texts: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text} for text in texts]


def call(arguments: Any, *, id: str = "call_0123456789abcdef") -> dict[str, Any]:  # noqa: A002
    function = {"name": "weather", "arguments": arguments}
    calls = [{"id": id, "type": "function", "function": function}]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(text: str, *, id: str = "call_0123456789abcdef") -> dict[str, Any]:  # noqa: A002
    return {"role": "tool", "tool_call_id": id, "content": text}
