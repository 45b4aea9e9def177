"""Find a template's traits by rendering small conversations and looking for their words.

Reading the source would be guesswork: templates are programs. The markers are words that no
template contains, so a rendering without one of them has lost that text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, TypeAlias

from colonnade.messages import Failure
from colonnade.prompt.showing import Showing, other_showings
from colonnade.prompt.switches import THINKING
from colonnade.prompt.traits import Systems, Talk, Traits

Message: TypeAlias = dict[str, Any]
Render: TypeAlias = Callable[[Sequence[Message], Mapping[str, Any]], str]
"""Renders messages with variables, ``tools`` among them; raises ``Failure``."""

_A, _B, _C, _D = "zqalpha", "zqbravo", "zqcharlie", "zqdelta"
_NO_VARIABLES: Mapping[str, Any] = {}
_KEY, _VALUE, _FUNCTION = "zqkey", "zqvalue", "zqfunction"
_OBJECT = {_KEY: _VALUE}
_STRING = f'{{"{_KEY}": "{_VALUE}"}}'
_LONG_ID, _SHORT_ID = "call_0123456789abcdef", "abcdef123"
_SECOND, _SECOND_ID, _SECOND_SHORT_ID = "zqsecond", "call_fedcba9876543210", "fedcba321"
_THOUGHT_FIELDS = ("reasoning_content", "reasoning", "thinking", "content")
_BARE_TOOLS = [
    {"type": "function", "function": {"name": _FUNCTION}},
    {
        "type": "function",
        "function": {"name": _FUNCTION, "parameters": {"properties": {_KEY: {}}}},
    },
]
_COMPOSED = {
    "type": "function",
    "function": {
        "name": _FUNCTION,
        "description": "Probes.",
        "parameters": {"type": "object", "properties": {}, "allOf": [{"properties": {_KEY: {}}}]},
    },
}
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


def probe(render: Render, source: str, variables: Collection[str] = ()) -> Traits:
    """Find the traits of a template. Never raises: what cannot be found out is taken as fine.

    ``variables`` are the names that it may read.
    """
    probing = _Probe(render, variables)
    traits = probing.reading()
    probing.traits = traits
    traits = replace(
        traits,
        developer="developer" in source and probing.keeps([("developer", _A), ("user", _B)]),
        systems=probing.systems(),
        repeats=probing.repeats(),
    )
    traits = probing.calls(probing.shown(traits))
    return replace(
        traits,
        list_roles=probing.list_roles(traits),
        parallel_calls=not traits.calls or probing.parallel(traits),
        talk=probing.talk(traits) if traits.calls else Talk.CONTENT,
        thoughts=probing.thoughts(traits),
    )


class _Probe:
    def __init__(self, render: Render, variables: Collection[str]) -> None:
        self._render = render
        self._showings = tuple(other_showings(variables))
        self.traits = Traits()

    def text(
        self,
        messages: Sequence[Message],
        tools: Sequence[Any] | None = None,
        variables: Mapping[str, Any] = _NO_VARIABLES,
    ) -> str | None:
        """Render, to None where the template refuses."""
        try:
            return self._render(messages, {**variables, **self.traits.showing.variables(tools)})
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
        usual = Showing()
        showings = (usual, *(replace(each, always=True) for each in (usual, *self._showings)))
        for showing, strings in product(showings, (True, False)):
            self.traits = Traits(showing=showing, strings=strings)
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

    def shown(self, traits: Traits) -> Traits:
        """Where tools must be given to be shown, if anywhere."""
        for showing in (traits.showing, *self._showings):
            tried = replace(showing, always=traits.showing.always and showing == traits.showing)
            self.traits = replace(traits, showing=tried)
            text = self.text([self.message("user", _A)], [_TOOL]) or ""
            if _FUNCTION in text and _KEY in text:
                return self.traits
        self.traits = traits
        return traits

    def calls(self, traits: Traits) -> Traits:
        """How tools and calls must be given for all of their parts to come out."""
        shapes = [
            replace(traits, short_ids=short, empty_content=empty, argument_objects=objects)
            for short, empty, objects in product((False, True), ("", None), (True, False))
        ]
        written = self._written(shapes, 3) or self._written(shapes, 2)
        found = next((shape for shape, text in written if _told(text)), None)
        found = found or (written[0][0] if written else traits)
        dialog = self.conversation(found)
        text = self.text(dialog, [_TOOL])
        dialog[1]["tool_calls"][0]["function"]["arguments"] = '{"cut'
        question = [self.message("user", _A)]
        return replace(
            found,
            argument_text=self.text(dialog, [_TOOL]) is not None,
            bare_tools=self.text(question, _BARE_TOOLS) is not None,
            tools=_FUNCTION in (self.text(question, [_TOOL]) or ""),
            whole_schemas=_KEY in (self.text(question, [_COMPOSED]) or ""),
            calls=bool(written),
            results=text is not None and _C in text,
        )

    def _written(self, shapes: Sequence[Traits], turns: int) -> list[tuple[Traits, str]]:
        """The shapes in which so many turns come out with the call's arguments, and as what."""
        dialogs = [(shape, self.conversation(shape)[:turns]) for shape in shapes]
        texts = [(shape, self.text(dialog, [_TOOL])) for shape, dialog in dialogs]
        return [(shape, text) for shape, text in texts if text is not None and _VALUE in text]

    def parallel(self, traits: Traits) -> bool:
        """Whether two calls in one message both come out, and both of their results."""
        dialog = self.conversation(traits)
        first = dialog[1]["tool_calls"][0]
        call_id = _SECOND_SHORT_ID if traits.short_ids else _SECOND_ID
        arguments = {_KEY: _SECOND} if traits.argument_objects else f'{{"{_KEY}": "{_SECOND}"}}'
        second = {**first, "id": call_id, "function": {**first["function"], "arguments": arguments}}
        dialog[1]["tool_calls"] = [first, second]
        dialog.append({**dialog[2], "tool_call_id": call_id, "content": _D})
        text = self.text(dialog if traits.results else dialog[:2], [_TOOL])
        return text is not None and _SECOND in text and (not traits.results or _D in text)

    def talk(self, traits: Traits) -> Talk:
        """Where the text of a message with a call must be for both to come out; for the call alone
        where there is no such place."""
        question, call, *rest = self.conversation(traits)
        results = rest if traits.results else []
        said = self.message("assistant", _B)
        plan = {**call, Talk.PLAN.value: _B}
        ways: dict[Talk, list[Message]] = {
            Talk.CONTENT: [{**call, "content": said["content"]}],
            Talk.PLAN: [plan],
            Talk.APART: [said, call],
        }
        texts = {
            talk: self.text([question, *way, *results], [_TOOL]) or "" for talk, way in ways.items()
        }
        whole = [talk for talk, text in texts.items() if _VALUE in text and _B in text]
        if whole:
            return whole[0]
        return Talk.CONTENT if _VALUE in texts[Talk.CONTENT] else Talk.APART

    def thoughts(self, traits: Traits) -> str:
        """The field of an answer in which a replayed thought is read."""
        for field, calls in product(_THOUGHT_FIELDS, (False, True)):
            dialog = self.conversation(traits) if calls else [self.message("user", _A), {}]
            answer = {"role": "assistant", "content": _B} if not calls else dialog[1]
            thinking = {"type": "thinking", "thinking": _D}
            value = _D if field != "content" else [thinking, *([] if calls else _parts(_B))]
            dialog[1] = {**answer, field: value}
            variables = {**THINKING, "add_generation_prompt": calls}
            text = self.text(dialog, [_TOOL] if calls else None, variables)
            if text is not None and _D in text and not _is_notation(text[: text.index(_D)]):
                return field
        return "reasoning_content"

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


def _is_notation(before: str) -> bool:
    """Whether a thought's text stands in a list that was written as it is, and not read."""
    tail = before[-20:].replace("\\", "")
    return "thinking'" in tail or 'thinking"' in tail


def _told(text: str) -> bool:
    """Whether a call came out whole: not as Python's notation, nor as JSON inside JSON."""
    call = text[text.rfind(_FUNCTION, 0, text.find(_VALUE)) :]
    if not (_VALUE in call and _KEY in call):
        return False
    return repr(_OBJECT) not in call and f'\\"{_KEY}' not in call
