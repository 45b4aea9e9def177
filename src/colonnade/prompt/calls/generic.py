"""Tools for models whose templates know none: an instruction in the system message.

What a call looks like in it is what the template makes of a replayed call, where it writes calls
though it shows no tools; otherwise it is the form that ``prompt.words`` replays calls in.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from colonnade.messages import Failure
from colonnade.prompt.calls.definitions import template_tools
from colonnade.prompt.calls.tools import CallMode
from colonnade.prompt.overlap import common_start
from colonnade.prompt.words import write_calls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from colonnade.prompt.calls.tools import ToolUse
    from colonnade.prompt.template import ChatTemplate

_EXAMPLE = ("function", {"argument": "value"})
_PLAIN = "zqplain"


def supports_tools(template: ChatTemplate) -> bool:
    """Whether a template shows the model the tools that it is given."""
    return template.variants.get("tool_use", template).traits.tools


def instruct(
    messages: Sequence[Mapping[str, Any]],
    use: ToolUse,
    template: ChatTemplate,
    shown: Sequence[Mapping[str, Any]] | None = None,
) -> list[Mapping[str, Any]]:
    """Describe the tools in the system message, for a template that does not.

    ``shown`` are the tools in OpenAI's shape, where they are to be shown in another way than
    ``template_tools`` gives them. Returns the messages as they are where no tool may be called.
    Earlier calls and results need no care here: the template's ``render`` puts into words what the
    template would drop.
    """
    if not use.callable:
        return list(messages)
    tools = template_tools(use) if shown is None else shown
    text = _instruction(use, tools, _example(template))
    for index, message in enumerate(messages):
        if message.get("role") in ("system", "developer"):
            longer = {**message, "content": _added(message.get("content"), text)}
            return [*messages[:index], longer, *messages[index + 1 :]]
    return [{"role": "system", "content": text}, *messages]


def _instruction(use: ToolUse, tools: Sequence[Mapping[str, Any]], example: str) -> str:
    """What the model has to know: the tools, how one is called, and whether it must."""
    described = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
    lines = [
        f"You can call these functions, each described in JSON:\n<tools>\n{described}\n</tools>",
        f"To call one, write its name and its arguments like this:\n{example}",
    ]
    names = ", ".join(tool.name for tool in use.callable)
    if use.mode is CallMode.REQUIRED:
        lines.append(f"Answer with a call now, of one of these: {names}.")
    elif len(use.callable) < len(use.tools):
        lines.append(f"For now, call no others than these: {names}.")
    if not use.parallel:
        lines.append("Call one function at a time.")
    return "\n".join(lines)


def _example(template: ChatTemplate) -> str:
    """A call as the template writes it, or in the generic form where it writes none."""
    name, arguments = _EXAMPLE
    if not template.traits.calls:
        return write_calls([_EXAMPLE])
    function = {"name": name, "arguments": json.dumps(arguments)}
    call = {"id": "call_0123456789abcdef", "type": "function", "function": function}
    question = {"role": "user", "content": "?"}
    answers: list[dict[str, Any]] = [
        {"role": "assistant", "content": _PLAIN},
        {"role": "assistant", "content": "", "tool_calls": [call]},
    ]
    try:
        plain, calling = (
            template.render([question, answer], {"add_generation_prompt": False})
            for answer in answers
        )
    except Failure:
        return write_calls([_EXAMPLE])
    written = calling[common_start(plain, calling) :]
    end = plain.rpartition(_PLAIN)[2]
    if end and end in written:
        written = written[: written.rindex(end)]
    return written.strip() or write_calls([_EXAMPLE])


def _added(content: object, text: str) -> object:
    """Content with one more paragraph."""
    if isinstance(content, list):
        return [*content, {"type": "text", "text": text}]
    return f"{content}\n\n{text}" if content else text
