"""How a model family writes its thoughts: between which markers, and where a prompt leaves off.

Most families put a thought between two markers before the answer. Which markers is told by what a
template writes around a replayed thought, or else by the names in its source and among the model's
special tokens: a family's row in ``FAMILIES`` is taken where one of the three shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from colonnade.prompt.template import ChatTemplate


@dataclass(frozen=True, slots=True)
class ReasoningFormat:
    """The markers around a thought.

    ``heads`` is what a family writes between its thought and its answer, one of them: a constraint
    on the answer has to allow for it. ``dropped`` is all framing that is neither thought nor
    content, the heads among it, the longest first.
    """

    opening: str
    closing: str
    heads: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def markers(self) -> tuple[str, ...]:
        """Every literal text that has a meaning in this format."""
        return (self.opening, self.closing, *self.dropped)


def _format(opening: str, closing: str, *heads: str, rest: tuple[str, ...] = ()) -> ReasoningFormat:
    dropped = sorted({*heads, *rest}, key=lambda text: (-len(text), text))
    return ReasoningFormat(opening, closing, heads, tuple(dropped))


FAMILIES: dict[str, ReasoningFormat] = {
    "harmony": _format(
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
    ),
    "think": _format("<think>", "</think>"),
}


def find_reasoning(template: ChatTemplate, special: Collection[str]) -> ReasoningFormat | None:
    """Find the format of a model's thoughts, None for a model that shows no sign of having any.

    ``special`` are the names of the model's special tokens.
    """
    for family in FAMILIES.values():
        for evidence in (template.source, special):
            if family.opening in evidence and family.closing in evidence:
                return family
    return None


def opened(reasoning: ReasoningFormat, prompt: str) -> bool:
    """Whether a rendered prompt ends inside a thought.

    Only its very end counts: a marker further up is a replayed thought or somebody's words.
    """
    return prompt.rstrip().endswith(reasoning.opening)


def thinking_kwargs(
    template: ChatTemplate, effort: str | None, enable: bool | None
) -> dict[str, object]:
    """Say how much to think in the variables that a template reads.

    ``effort`` is OpenAI's ``reasoning_effort``, of which ``none`` switches thinking off; ``enable``
    is ``enable_thinking``. None leaves the template's default.
    """
    kwargs: dict[str, object] = {}
    switch = next((name for name in ("enable_thinking", "thinking") if name in template.source), "")
    if enable is None and effort == "none" and switch:
        enable, effort = False, None
    if enable is not None:
        kwargs[switch or "enable_thinking"] = enable
    if effort is not None:
        kwargs["reasoning_effort"] = effort
    return kwargs
