"""Prompts that end in the middle of the last message, for the model to go on with it.

As Hugging Face's ``continue_final_message`` has it: the conversation is rendered with a mark behind
the message's text, and everything from the mark on is cut off. Templates that trim texts have the
spaces at its end cut off, too, since they would have written none there.
"""

from __future__ import annotations

import secrets
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.history import THOUGHTS, thought
from colonnade.prompt.media import has_places
from colonnade.prompt.reasoning import opened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from colonnade.prompt.reasoning import ReasoningFormat
    from colonnade.prompt.template import ChatTemplate

_FIELD = "continue_final_message"


class Part(StrEnum):
    """What of the last message goes on."""

    CONTENT = "content"
    THOUGHT = "reasoning_content"


class OpenEnd(NamedTuple):
    """The last message's text that is to go on, and the mark that stands behind it."""

    text: str
    mark: str

    def cut(self, rendered: str) -> tuple[str, str]:
        """The prompt up to the mark, and what of the text is in it: all but spaces at its ends,
        where the template leaves them out.

        Raises:
            Failure: invalid_request, when the template does not write the text as it is.
        """
        at = rendered.rfind(self.mark)
        if at < 0:
            raise refusal("this model's chat template leaves it out.")
        prompt, spaced = rendered[:at], rendered.startswith(" ", at + len(self.mark))
        if not self.text.strip():
            return prompt, ""
        prompt = prompt if spaced else prompt.rstrip()
        for written in (self.text, self.text.lstrip()) if spaced else (self.text.strip(),):
            if prompt.endswith(written):
                return prompt, written
        raise refusal("this model's chat template changes its text.")


def open_end(
    messages: Sequence[Mapping[str, Any]], part: Part
) -> tuple[list[Mapping[str, Any]], OpenEnd]:
    """The messages with a mark behind the text of the last one, which becomes one text where it
    came in parts.

    Raises:
        Failure: invalid_request, when that message has calls, or nothing of the wished part.
    """
    last = dict(messages[-1])
    if last.get("tool_calls") or last.get("function_call"):
        raise refusal("it calls tools.")
    if has_places(last.get("content")):
        raise refusal("it holds a picture or a sound.")
    mark = secrets.token_hex(16)  # nothing that a template would escape, and no text holds it
    if part is Part.THOUGHT:
        if not (text := thought(last)):
            raise refusal("it has no thought.")
        if content_text(last.get("content")).strip():
            raise refusal("its thought is over, for there is text behind it.")
        last = {key: value for key, value in last.items() if key not in THOUGHTS}
        last[Part.THOUGHT] = f"{text}{mark} "
    else:
        text = content_text(last.get("content"))
        last["content"] = f"{text}{mark} "
    return [*messages[:-1], last], OpenEnd(text, mark)


def continued(
    template: ChatTemplate,
    reasoning: ReasoningFormat | None,
    messages: Sequence[Mapping[str, Any]],
    kwargs: Mapping[str, Any],
    part: Part,
) -> tuple[str, str]:
    """The prompt that ends with the last message's text, and what of the text is in it.

    A thought that the template leaves out of a last message follows the prompt for a new one, where
    that ends with an open thought.

    Raises:
        Failure: the template refuses the messages, or their last one cannot be continued.
    """
    marked, end = open_end(messages, part)
    try:
        return end.cut(template.render(marked, {**kwargs, "add_generation_prompt": False}))
    except Failure:
        if part is Part.CONTENT or reasoning is None or len(messages) < 2:
            raise
        wishes = {**template.switches.on, **kwargs, "add_generation_prompt": True}
        prompt = template.render(messages[:-1], wishes)
        if not opened(reasoning, prompt):
            raise
        return prompt + end.text, end.text


def content_text(content: object) -> str:
    """A message's content as one text: its parts line by line."""
    if isinstance(content, list | tuple):
        return "\n".join(_part_text(part) for part in content)
    return content if isinstance(content, str) else ""


def refusal(why: str) -> Failure:
    """The failure of a request whose last message cannot be continued."""
    msg = f"The last message cannot be continued: {why}"
    return Failure(FailureKind.INVALID_REQUEST, msg, param=_FIELD)


def _part_text(part: object) -> str:
    if not isinstance(part, dict):
        return str(part)
    return str(part.get("text") or part.get("refusal") or "")
