"""A dialogue under construction, and what is expected of each answer in it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from .words import Words

Message = dict[str, Any]
Kind = Literal["contains", "exact", "calls", "json", "keys"]

MODEL_NAME = "Stoa"
_ASK_TO_THINK = (
    "Think first. ",
    "Think step by step. ",
    "Please think first. ",
    "Think. ",
    "Think before you answer. ",
)


@dataclass(frozen=True, slots=True)
class Check:
    """How to judge the answer at one place of a dialogue.

    `contains`: every string of `want` occurs; `exact`: the text equals `want`; `calls`: the tool
    calls equal `want`, a list of (name, arguments); `json`: the text parses to `want`; `keys`: the
    text parses to an object whose keys and value types equal those of `want`.
    """

    skill: str
    kind: Kind
    want: Any
    thinks: bool = False


@dataclass(slots=True)
class Talk:
    """Collects messages; skills append to it and read what was said before."""

    rng: random.Random
    words: Words
    name: str = MODEL_NAME
    persona: str = ""
    messages: list[Message] = field(default_factory=list)
    checks: dict[int, Check] = field(default_factory=dict)
    tools: list[Any] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)
    flag_thinking: bool = False
    system_thinking: bool = False
    think_now: bool = False
    unweighted: set[int] = field(default_factory=set)
    forced: set[int] = field(default_factory=set)

    def choose(self, *options: str) -> str:
        """One of the options."""
        return self.rng.choice(options)

    def chance(self, probability: float) -> bool:
        """True with a probability."""
        return self.rng.random() < probability

    @property
    def thinks(self) -> bool:
        """Whether the next answer starts with a thought."""
        return self.flag_thinking or self.system_thinking or self.think_now

    def user(self, text: str) -> None:
        """Says something as the user, with the request to think where this turn is to have it."""
        if self.think_now and not (self.flag_thinking or self.system_thinking):
            text = self.rng.choice(_ASK_TO_THINK) + text
        self.messages.append({"role": "user", "content": text})

    def say(
        self,
        text: str,
        skill: str,
        want: str | Sequence[str] | None = None,
        *,
        thought: str,
        kind: Kind = "contains",
        judged: object = None,
    ) -> None:
        """Answers as the assistant; `want` are the strings that a right answer has to contain."""
        if judged is None:
            judged = [want] if isinstance(want, str) else list(want or [text])
        self._answer({"role": "assistant", "content": text}, Check(skill, kind, judged), thought)

    def call(
        self, calls: Sequence[tuple[str, Mapping[str, Any]]], skill: str, thought: str
    ) -> None:
        """Answers with tool calls."""
        tool_calls = [
            {"type": "function", "function": {"name": name, "arguments": dict(arguments)}}
            for name, arguments in calls
        ]
        message = {"role": "assistant", "content": None, "tool_calls": tool_calls}
        self._answer(message, Check(skill, "calls", [(n, dict(a)) for n, a in calls]), thought)

    def result(self, value: object) -> None:
        """Adds a tool's result."""
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        self.messages.append({"role": "tool", "content": text})

    def _answer(self, message: Message, check: Check, thought: str) -> None:
        place = len(self.messages)
        if self.thinks:
            message["reasoning_content"] = thought
            check = Check(check.skill, check.kind, check.want, thinks=True)
        self.messages.append(message)
        self.checks[place] = check

    def last_user_text(self) -> str | None:
        """The user's last message, when it is short enough to be repeated."""
        for message in reversed(self.messages):
            if message["role"] == "user":
                text = str(message["content"])
                return text if len(text) < 80 and "\n" not in text else None
        return None
