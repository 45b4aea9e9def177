"""A chat template, ready to render."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from colonnade.messages import Failure
from colonnade.prompt.arrange import arrangements
from colonnade.prompt.conform import conform
from colonnade.prompt.environment import (
    MAX_STEPS,
    ExhaustedFailure,
    TooDeepFailure,
    compile_template,
    run,
    variables,
)
from colonnade.prompt.history import part, split, thought, without_thought
from colonnade.prompt.probe import probe
from colonnade.prompt.showing import TOOLS
from colonnade.prompt.switches import Switches, find_switches
from colonnade.prompt.tool_shapes import complete_tools, listed_tools, simple_tools
from colonnade.prompt.traits import Talk, Traits
from colonnade.prompt.words import call_ids, put_calls, put_results, writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from colonnade.prompt.arrange import Messages

_PROBE_STEPS = 50_000
_NO_KWARGS: Mapping[str, Any] = {}
_DATES = {"datetime": "%Y-%m-%d %H:%M:%S"}
"""Variables that a template may count on for the date, and their forms."""
_ABSENT_TOKENS = {"unk_token": "", "pad_token": ""}
"""Tokens that few files name: empty, so that a template may add them to its text."""


class Facts(NamedTuple):
    """What is found out of a template by rendering."""

    traits: Traits
    switches: Switches


class ChatTemplate:
    """Renders conversations, after finding out once what shapes of them the template takes.

    ``variants`` are templates for a purpose: the one of ``tool_use`` renders in place of this one
    when there are tools, the one of ``rag`` when there are documents. ``warning`` says what an
    operator should know of how the template was chosen; ``broken`` why it cannot even render a
    greeting, and None where it can. ``traits`` are what it takes, ``switches`` what turns its
    thinking on and off.
    """

    def __init__(
        self,
        source: str,
        *,
        name: str,
        bos_token: str = "",
        eos_token: str = "",
        variants: Mapping[str, ChatTemplate] | None = None,
        warning: str | None = None,
        clock: Callable[[], datetime] = datetime.now,
        known: Facts | None = None,
    ) -> None:
        """Compile and probe a template. What is ``known`` of it is not looked for again.

        Raises:
            Failure: template_refused, when the source is not a template.
        """
        self.name = name
        self.source = source
        self.variants = dict(variants or {})
        self.warning = warning
        self._clock = clock
        self._tokens = {**_ABSENT_TOKENS, "bos_token": bos_token, "eos_token": eos_token}
        self._template = compile_template(source)
        names = variables(source)
        self._dates = {name: form for name, form in _DATES.items() if name in names}
        self.broken: Failure | None = None
        if known is not None:
            self.traits, self.switches = known
            return
        self.traits = probe(self._probe_render, source, names)
        self.switches = find_switches(self._greet, source, names)
        self.broken = self._refuses_greeting()

    @property
    def facts(self) -> Facts:
        """What was found out by rendering."""
        return Facts(self.traits, self.switches)

    def render(
        self, messages: Sequence[Mapping[str, Any]], kwargs: Mapping[str, Any] = _NO_KWARGS
    ) -> str:
        """Render a prompt. ``kwargs`` reach the template, but none takes the messages' place.

        Raises:
            Failure: template_refused, with the template's own words for the messages as they were
                first put to it; unsupported, when a content part is not text.
        """
        if kwargs.get("tools") and "tool_use" in self.variants:
            return self.variants["tool_use"].render(messages, kwargs)
        if kwargs.get("documents") and "rag" in self.variants:
            return self.variants["rag"].render(messages, kwargs)
        refusals: list[Failure] = []
        others = {name: value for name, value in kwargs.items() if name != TOOLS}
        for tools in self._tools(kwargs.get(TOOLS)):
            for candidate in self._candidates(messages):
                try:
                    return self._render(candidate, {**tools, **others})
                except TooDeepFailure as failure:
                    refusals.append(failure)
                    break  # whatever the messages are: it may be the tools
                except ExhaustedFailure:
                    raise
                except Failure as failure:
                    refusals.append(failure)
        raise refusals[0]

    def _candidates(self, messages: Sequence[Mapping[str, Any]]) -> Iterator[Messages]:
        """Yield the forms of a conversation that are tried, the most faithful one first."""
        conformed = conform(messages, self.traits)
        conformed = put_results(conformed, known=call_ids(conformed), strings=self.traits.strings)
        if not self.traits.parallel_calls:
            conformed = split(conformed)
        if self.traits.talk is Talk.APART:
            conformed = part(conformed, self.traits.empty_content)
        faithful = self._in_words(
            conformed, calls=not self.traits.calls, results=not self._writes_results
        )
        yield from arrangements(faithful, self.traits)
        crowded = [message for message in faithful if "tool_calls" in message and thought(message)]
        if crowded:  # a format may have room for one of text and thought before a call
            bare = [without_thought(m) if "tool_calls" in m else m for m in faithful]
            yield from arrangements(bare, self.traits)
        if any(m.get("role") == "tool" or "tool_calls" in m for m in faithful):
            yield from arrangements(
                self._in_words(conformed, calls=True, results=True), self.traits
            )

    @property
    def _writes_results(self) -> bool:
        """Whether results come out in the form that the model was told of."""
        return self.traits.results and (self.traits.tools or self.traits.calls)

    def _in_words(self, messages: Messages, *, calls: bool, results: bool) -> Messages:
        """Put tool calls and their results into texts."""
        if calls:
            messages = put_calls(messages, writer(self.source))
        if results:
            messages = put_results(messages, strings=self.traits.strings)
        return messages

    def _refuses_greeting(self) -> Failure | None:
        try:
            self.render([{"role": "user", "content": "Hello"}])
        except Failure as failure:
            return failure
        return None

    def _tools(self, tools: object) -> Iterator[Mapping[str, Any]]:
        """Yield the variables for the forms of the tools that are tried, the client's own first."""
        showing = self.traits.showing
        if tools and not self.traits.whole_schemas:
            tools = listed_tools(tools)
        yield showing.variables(tools)
        if tools and not self.traits.bare_tools:
            yield showing.variables(complete_tools(tools))
        if tools:
            yield showing.variables(simple_tools(tools))

    def _render(
        self,
        messages: Sequence[Mapping[str, Any]],
        variables: Mapping[str, Any],
        max_steps: int = MAX_STEPS,
    ) -> str:
        context = {
            "add_generation_prompt": True,
            "documents": None,
            "strftime_now": self._strftime_now,
            **self._tokens,
            **{name: self._strftime_now(form) for name, form in self._dates.items()},
            **variables,
            "messages": messages,
        }
        return run(self._template, context, max_steps=max_steps)

    def _probe_render(
        self, messages: Sequence[Mapping[str, Any]], kwargs: Mapping[str, Any]
    ) -> str:
        return self._render(messages, kwargs, max_steps=_PROBE_STEPS)

    def _greet(self, kwargs: Mapping[str, Any]) -> str:
        greeting = conform([{"role": "user", "content": "Hello"}], self.traits)
        return self._probe_render(greeting, {**kwargs, **next(self._tools(None))})

    def _strftime_now(self, pattern: str) -> str:
        return self._clock().strftime(pattern)
