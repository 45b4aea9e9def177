"""How a model family writes its thoughts: between which markers, and where a prompt leaves off.

Most families put a thought between two markers before the answer. Which markers is told by what a
template writes around a replayed thought, or else by the names in its source and among the model's
special tokens. What the markers alone cannot tell of a family stands in ``FAMILIES``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colonnade.messages import Failure
from colonnade.prompt.overlap import common_start
from colonnade.prompt.switches import LEVELS, THINKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from colonnade.prompt.template import ChatTemplate

_QUESTION, _THOUGHT, _ANSWER = "zqquestion", "zqthought", "zqanswer"
_TOOL = {
    "type": "function",
    "function": {
        "name": "zqfunction",
        "description": "",
        "parameters": {"type": "object", "properties": {}},
    },
}
_CALL = {
    "id": "call_0123456789abcdef",
    "type": "function",
    "function": {"name": "zqfunction", "arguments": "{}"},
}
_TAG = r"<[^<>\s]{1,60}>|\[[A-Z/][A-Z_ /]{0,60}\]|◁[^◁▷\s]{1,60}▷"
_FIRST_TAG = re.compile(rf"\s*({_TAG})")
_LAST_TAG = re.compile(rf"(?:{_TAG})$")
_NAME_TAG = re.compile(r"<\w+>")
_HEAD = re.compile(rf"(?:{_TAG})(?:.{{0,40}}(?:{_TAG}))?")
_LONGEST = 60
"""Characters of an opening; more is a part of the conversation."""


@dataclass(frozen=True, slots=True)
class ReasoningFormat:
    """The markers around a thought.

    ``heads`` is what a family writes between its thought and its answer, one of them; ``headed``
    families write one before every answer, whether there is a thought or not. ``dropped`` is all
    framing that is neither thought nor content, the heads among it, the longest first. ``ending``
    closes a thought as the template closes one, blank lines and all: for one that is cut off.
    """

    opening: str
    closing: str
    heads: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    ending: str = ""
    headed: bool = False

    @property
    def markers(self) -> tuple[str, ...]:
        """Every literal text that has a meaning in this format."""
        return (self.opening, self.closing, *self.dropped)


def _format(
    opening: str,
    closing: str,
    *heads: str,
    rest: tuple[str, ...] = (),
    ending: str = "",
    headed: bool = False,
) -> ReasoningFormat:
    dropped = sorted({*heads, *rest}, key=lambda text: (-len(text), text))
    return ReasoningFormat(opening, closing, heads, tuple(dropped), ending or closing, headed)


FAMILIES: tuple[ReasoningFormat, ...] = (
    _format(  # gpt-oss: every message has a channel
        "<|channel|>analysis<|message|>",
        "<|end|>",
        "<|start|>assistant<|channel|>final<|message|>",
        "<|channel|>final<|message|>",
        rest=(
            "<|start|>assistant<|channel|>commentary<|message|>",
            "<|channel|>commentary<|message|>",
            "<|start|>assistant",
            "<|end|>",
        ),
        headed=True,
    ),
    _format(  # Solar Open
        "<|think|>",
        "<|end|>",
        "<|begin|>assistant<|content|>",
        "<|content|>",
        rest=("<|begin|>assistant", "<|end|>"),
        headed=True,
    ),
    _format(  # Muse
        "to=self<|message|>",
        "<|eom|>",
        "<|start|>assistant to=user<|message|>",
        "to=user<|message|>",
        rest=("<|start|>assistant", "<|eom|>"),
        headed=True,
    ),
    _format(  # Kimi K3
        "<|open|>think<|sep|>",
        "<|close|>think<|sep|>",
        "<|open|>response<|sep|>",
        rest=("<|close|>response<|sep|>", "<|close|>message<|sep|>"),
        headed=True,
    ),
    _format("<|channel>thought\n", "<channel|>", ending="\n<channel|>"),  # Gemma 4
    _format(  # Command R7B, Command A
        "<|START_THINKING|>",
        "<|END_THINKING|>",
        "<|START_RESPONSE|>",
        rest=("<|END_RESPONSE|>",),
    ),
    _format(  # North
        "<|START_THINKING|>", "<|END_THINKING|>", "<|START_TEXT|>", rest=("<|END_TEXT|>",)
    ),
    _format(  # Apriel 1.6, which has no opening but the words that its template begins with
        "Here are my reasoning steps:",
        "[BEGIN FINAL RESPONSE]",
        rest=("[END FINAL RESPONSE]",),
        ending="\n[BEGIN FINAL RESPONSE]\n",
    ),
    _format(  # Apriel 1.5
        "<thinking>",
        "</thinking>",
        "[BEGIN FINAL RESPONSE]",
        rest=("[END FINAL RESPONSE]",),
        ending="\n</thinking>\n",
    ),
    _format("<thinking>", "</thinking>", "<output>", rest=("</output>",)),  # Reflection
    _format(  # Open Thinker
        "<|begin_of_thought|>",
        "<|end_of_thought|>",
        "<|begin_of_solution|>",
        rest=("<|end_of_solution|>",),
    ),
    _format("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    _format("[THINK]", "[/THINK]"),  # Magistral, Ministral
    _format("<seed:think>", "</seed:think>", ending="</seed:think>\n"),  # Seed-OSS
    _format("<mm:think>", "</mm:think>"),  # MiniMax M3
    _format("<longcat_think>", "</longcat_think>"),
    _format("◁think▷", "◁/think▷"),  # Kimi-VL
    _format("<thought>", "</thought>", ending="\n</thought>\n\n"),  # EXAONE Deep
    _format("<|thought_start|>", "<|thought_end|>"),
    _format(  # Hunyuan A13B
        "<think>", "</think>", "<answer>", rest=("</answer>",), ending="\n</think>\n"
    ),
    # DeepSeek, Qwen, GLM, MiniMax, Nemotron, Kimi K2, EXAONE 4, ERNIE, Granite, Phi-4, Step, ...
    _format("<think>", "</think>", ending="\n</think>\n\n"),
)
"""Those that are told apart by more markers come before those that share two of them."""

_RESPONSES = (("<|start_of_role|>", "<response>"), ("<|IMAGE_PLACEHOLDER|>", "<response>"))
"""(a mark of the family, its head) of Granite 3.3 and ERNIE, whose head is another family's word
for a tool's result."""


def find_reasoning(template: ChatTemplate, special: Collection[str]) -> ReasoningFormat | None:
    """Find the format of a model's thoughts, None for a model that shows no sign of having any.

    ``special`` are the names of the model's special tokens. A model that knows the markers need
    not think: then nothing will stand between them.
    """
    named = _named(template.source, frozenset(special))
    for before, after in _surroundings(template):
        family = named if named and named.closing in after else _derived(before, after)
        if family is not None:
            return _completed(family, after)
    return named


def opened(reasoning: ReasoningFormat, prompt: str) -> bool:
    """Whether a rendered prompt ends inside a thought.

    Only its very end counts: a marker further up is a replayed thought or somebody's words.
    """
    return prompt.rstrip().endswith(reasoning.opening.rstrip())


def answer_heads(reasoning: ReasoningFormat, prompt: str) -> tuple[str, ...]:
    """The texts of which one stands before an answer to this prompt, none where nothing does.

    The empty text is among them where an answer may do without. A constraint on the answer has to
    allow for them.
    """
    if any(prompt.rstrip().endswith(head) for head in reasoning.heads):
        return ()
    optional = ("",) if reasoning.heads and not reasoning.headed else ()
    return (*optional, *reasoning.heads)


def thinking_kwargs(
    template: ChatTemplate, effort: str | None, enable: bool | None
) -> dict[str, Any]:
    """Say whether and how much to think in the variables that a template reads.

    ``effort`` is OpenAI's ``reasoning_effort``: ``none`` switches thinking off, any other level
    switches it on where it can be switched, and levels that the template refuses become the nearest
    that it takes. ``enable`` goes before that. None leaves the template's default. A template that
    has no such variable is given ``reasoning_effort`` and ``enable_thinking`` as they are.
    """
    switches = template.switches
    kwargs: dict[str, Any] = {}
    if effort is not None:
        name = switches.effort or "reasoning_effort"
        kwargs[name] = switches.levels.get(effort, effort)
    elif enable is False and switches.effort and not switches.off:
        kwargs[switches.effort] = switches.levels["none"]
    if enable is None and (effort == "none" or effort in LEVELS):
        enable = effort != "none"
    elif enable is not None:
        kwargs["enable_thinking"] = enable
    if enable is True:
        return {**switches.on, **kwargs}
    return {**kwargs, **switches.off} if enable is False else kwargs


def _named(source: str, special: Collection[str]) -> ReasoningFormat | None:
    """The family whose markers all stand in the source, or all among the special tokens."""
    for family in FAMILIES:
        markers = (family.opening.strip(), family.closing, *family.heads[-1:])
        if all(marker in source for marker in markers):
            return _with_response(family, source)
        if all(marker in special for marker in markers):
            return _with_response(family, special)
    for family in FAMILIES:  # some templates only ever cut a thought off at its end
        if not family.heads and family.closing in source:
            return _with_response(family, source)
    return None


def _with_response(family: ReasoningFormat, names: Collection[str]) -> ReasoningFormat:
    for mark, head in _RESPONSES:
        if family.opening == "<think>" and mark in names and head in names:
            return _format(
                family.opening, family.closing, head, rest=(_mirror(head),), ending=family.ending
            )
    return family


def _surroundings(template: ChatTemplate) -> Iterator[tuple[str, str]]:
    """What a template writes before a replayed thought, of what the prompt has not yet, and behind
    it: up to the answer, or to the end where there is a call in place of one."""
    question: dict[str, Any] = {"role": "user", "content": _QUESTION}
    answer = {"role": "assistant", "content": _ANSWER, "reasoning_content": _THOUGHT}
    call = {**answer, "content": "", "tool_calls": [_CALL]}
    result = {"role": "tool", "tool_call_id": _CALL["id"], "content": "zqresult"}
    for dialog, tools in (([question, answer], None), ([question, call, result], [_TOOL])):
        kwargs = {**THINKING, "tools": tools}
        try:
            prompt = template.render([question], kwargs)
            text = template.render(dialog, {**kwargs, "add_generation_prompt": bool(tools)})
        except Failure:
            continue
        before, found, after = text.partition(_THOUGHT)
        if found:
            fresh = before[common_start(prompt, before) :]
            yield fresh if fresh.strip() else before, after


def _derived(before: str, after: str) -> ReasoningFormat | None:
    """The format that stands around a thought, of a known family or of none."""
    for family in FAMILIES:
        if before.rstrip().endswith(family.opening.strip()) and (
            after.lstrip().startswith(family.closing)
        ):
            return family
    closing, opening = _FIRST_TAG.match(after), before.strip()
    if closing is None:
        return None
    if len(opening) > _LONGEST or _QUESTION in opening:  # opened by the prompt
        last = _LAST_TAG.search(opening)
        if last is None or _mirror(last[0]) != closing[1]:
            return None
        opening = last[0]
    return _format(opening, closing[1])


def _completed(family: ReasoningFormat, after: str) -> ReasoningFormat:
    """The family with what this template writes between a thought and an answer."""
    end = after.index(family.closing) + len(family.closing)
    end += len(after[end:]) - len(after[end:].lstrip())
    head = after[end:].partition(_ANSWER)[0].strip() if _ANSWER in after else ""
    heads = tuple(dict.fromkeys((*([head] if _HEAD.fullmatch(head) else []), *family.heads)))
    rest = (*family.dropped, *(_mirror(head) for head in heads if _NAME_TAG.fullmatch(head)))
    return _format(
        family.opening,
        family.closing,
        *heads,
        rest=rest,
        ending=after[:end],
        headed=family.headed,
    )


def _mirror(tag: str) -> str:
    """The tag that closes another one."""
    return f"{tag[0]}/{tag[1:]}"
