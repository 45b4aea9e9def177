"""Find a template's traits by rendering small conversations and looking for their words.

Reading the source would be guesswork: templates are programs. The markers are words that no
template contains, so a rendering without one of them has lost that text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, TypeAlias

from colonnade.messages import Failure
from colonnade.prompt.traits import Systems, Traits

Message: TypeAlias = dict[str, Any]
Render: TypeAlias = Callable[[Sequence[Message], Sequence[Any] | None], str]
"""Renders messages with tools; raises ``Failure``."""

_A, _B, _C = "zqalpha", "zqbravo", "zqcharlie"
_KEY, _VALUE, _FUNCTION = "zqkey", "zqvalue", "zqfunction"
_OBJECT = {_KEY: _VALUE}
_STRING = f'{{"{_KEY}": "{_VALUE}"}}'
_LONG_ID, _SHORT_ID = "call_0123456789abcdef", "abcdef123"
_BARE_TOOL = {"type": "function", "function": {"name": _FUNCTION}}
_TOOL = {
    "type": "function",
    "function": {
        "name": _FUNCTION,
        "description": "Probes.",
        "parameters": {
            "type": "object",
            "properties": {_KEY: {"type": "string", "description": "A word."}},
            "required": [_KEY],
        },
    },
}


def probe(render: Render, source: str) -> Traits:
    """Find the traits of a template. Never raises: what cannot be found out is taken as fine."""
    probing = _Probe(render)
    traits = probing.reading()
    probing.traits = traits
    traits = replace(
        traits,
        developer="developer" in source and probing.keeps([("developer", _A), ("user", _B)]),
        systems=probing.systems(),
        repeats=probing.repeats(),
    )
    traits = probing.calls(traits)
    return replace(traits, list_roles=probing.list_roles(traits))


class _Probe:
    def __init__(self, render: Render) -> None:
        self._render = render
        self.traits = Traits()

    def text(self, messages: Sequence[Message], tools: Sequence[Any] | None = None) -> str | None:
        """Render, to None where the template refuses."""
        if tools is None and self.traits.tools_always:
            tools = []
        try:
            return self._render(messages, tools)
        except Failure:
            return None

    def say(self, turns: Sequence[tuple[str, str]]) -> str | None:
        """Render turns of (role, text)."""
        return self.text([self.message(role, text) for role, text in turns])

    def message(self, role: str, text: str) -> Message:
        """Make a message with its content in the form that the template reads."""
        return {"role": role, "content": text if self.traits.strings else _parts(text)}

    def keeps(self, turns: Sequence[tuple[str, str]]) -> bool:
        """Whether every turn's text is in the rendering."""
        text = self.say(turns)
        return text is not None and all(words in text for _, words in turns)

    def reading(self) -> Traits:
        """How a lone user message must be given to be read at all."""
        for tools_always, strings in product((False, True), (True, False)):
            self.traits = Traits(tools_always=tools_always, strings=strings)
            if self.keeps([("user", _A)]):
                return self.traits
        return Traits()

    def systems(self) -> Systems:
        """Where system messages may stand."""
        head = [("system", _A), ("system", _B), ("user", "x"), ("assistant", "y")]
        tail = [("system", _C), ("user", "z")]
        if self.keeps([*head, *tail]):
            # A template may know two roles alone and take whatever is not the one for the other.
            text = self.say([*head, *tail])
            others = [
                self.say([*head, (role, _C), ("user", "z")]) for role in ("user", "assistant")
            ]
            if text not in others:
                return Systems.ANYWHERE
        if self.keeps([("system", _A), ("user", _B)]):
            return Systems.FIRST
        return Systems.NOWHERE if self.keeps([("user", _A)]) else Systems.ANYWHERE

    def repeats(self) -> bool:
        """Whether two messages of one role may follow each other."""
        users = [("user", _A), ("user", _B)]
        assistants = [("user", "x"), ("assistant", _A), ("assistant", _B), ("user", _C)]
        if self.keeps(users) and self.keeps(assistants):
            return True
        return not self.keeps(users[:1])

    def calls(self, traits: Traits) -> Traits:
        """How tool calls must be given for all of their parts to come out."""
        for short, empty, objects in product((False, True), ("", None), (True, False)):
            found = replace(traits, short_ids=short, empty_content=empty, argument_objects=objects)
            text = self.text(self.conversation(found), [_TOOL])
            if text is not None and _told(text):
                break
        else:
            found = traits
        dialog = self.conversation(found)
        dialog[1]["tool_calls"][0]["function"]["arguments"] = '{"cut'
        return replace(
            found,
            argument_text=self.text(dialog, [_TOOL]) is not None,
            bare_tools=self.text([self.message("user", _A)], [_BARE_TOOL]) is not None,
        )

    def conversation(self, traits: Traits, result: Any = _C) -> list[Message]:  # noqa: ANN401
        """Make a question, a call and its result."""
        call_id = _SHORT_ID if traits.short_ids else _LONG_ID
        arguments = _OBJECT if traits.argument_objects else _STRING
        function = {"name": _FUNCTION, "arguments": arguments}
        calls = [{"id": call_id, "type": "function", "function": function}]
        return [
            self.message("user", _A),
            {"role": "assistant", "content": traits.empty_content, "tool_calls": calls},
            {"role": "tool", "tool_call_id": call_id, "name": _FUNCTION, "content": result},
        ]

    def list_roles(self, traits: Traits) -> frozenset[str]:
        """Find the roles whose parts all come out when content is a list of them."""
        both = [*_parts(_B), *_parts(_C)]
        dialogs: dict[str, list[Message]] = {
            "system": [{"role": "system", "content": both}, self.message("user", _A)],
            "user": [{"role": "user", "content": both}],
            "assistant": [
                self.message("user", _A),
                {"role": "assistant", "content": both},
                self.message("user", "x"),
            ],
        }
        read = {role for role, dialog in dialogs.items() if _read(self.text(dialog))}
        if _read(self.text(self.conversation(traits, both), [_TOOL])):
            read.add("tool")
        return frozenset(read)


def _parts(text: str) -> list[Message]:
    return [{"type": "text", "text": text}]


def _read(text: str | None) -> bool:
    """Whether both parts came out as text, and not as the list's own notation."""
    if text is None or _B not in text or _C not in text:
        return False
    return "text" not in text[text.index(_B) : text.index(_C)]


def _told(text: str) -> bool:
    """Whether a call came out whole: not as Python's notation, nor as JSON inside JSON."""
    call = text[text.rfind(_FUNCTION, 0, text.find(_VALUE)) :]
    if not (_VALUE in call and _KEY in call):
        return False
    return repr(_OBJECT) not in call and f'\\"{_KEY}' not in call
