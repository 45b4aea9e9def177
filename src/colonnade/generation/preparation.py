"""From a turn to what the engine is asked for, and to readers of what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from colonnade.generation.beginning import Beginning, beginning, calls_behind
from colonnade.generation.constraints import Wanted
from colonnade.generation.reader import ParsingReader, PlainReader, Reader
from colonnade.generation.turn import ChatPrompt, Turn
from colonnade.messages import Failure, FailureKind, PromptPart, TextPart, Thought, TokenPart
from colonnade.prompt.calls import CallMode
from colonnade.prompt.output import OutputParser
from colonnade.prompt.rendering import Wish

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.generation.builders import Builders
    from colonnade.generation.models import ServedModel
    from colonnade.messages import Constraint, Decoding
    from colonnade.prompt.builder import Held
    from colonnade.prompt.calls import CallFormat, ToolUse
    from colonnade.prompt.reasoning import ReasoningFormat
    from colonnade.prompt.schema import Narrowing


@dataclass(frozen=True, slots=True)
class Prepared:
    """A turn in the engine's terms. ``reader`` makes what reads a choice, by its index."""

    prompt: tuple[PromptPart, ...]
    add_bos: bool
    decoding: Decoding
    reader: Callable[[int], Reader]
    infill_suffix: str | None = None
    narrowings: tuple[Narrowing, ...] = ()
    """Values that the request's schemas allow, and the answer cannot have."""

    @property
    def text(self) -> str:
        """The prompt's text; token ids have none, nor have pictures and sounds."""
        return "".join(part.text for part in self.prompt if isinstance(part, TextPart))


async def prepare(turn: Turn, model: ServedModel, builders: Builders, client: str) -> Prepared:
    """Render the prompt, and settle what holds the answer and how it is read.

    Templates and schemas come from strangers: both go to processes of their own, in the turn of the
    ``client``.

    Raises:
        Failure: the template refuses the messages, or the wished form cannot be held to.
    """
    if isinstance(turn.prompt, ChatPrompt):
        chat = _Chat(turn, turn.prompt, model)
        await chat.render(client)
        return chat.prepared(await chat.held(builders, client))
    given, info = turn.prompt.prompt, model.engine.info
    held = await model.constraints.build(Wanted(turn.form, None), builders, client=client)
    _check_free(turn.decoding, held.constraint)
    decoding = msgspec.structs.replace(turn.decoding, constraint=held.constraint)
    parts: tuple[PromptPart, ...] = (
        (TextPart(given),) if isinstance(given, str) else (TokenPart(given),)
    )
    add_bos = info.add_bos and turn.prompt.bos and isinstance(given, str)
    return Prepared(parts, add_bos, decoding, PlainReader, turn.prompt.suffix, held.narrowings)


def _check_free(decoding: Decoding, constraint: Constraint | None) -> None:
    """Refuse what a constraint may leave no token for.

    Raises:
        Failure: both are asked for.
    """
    if constraint is None:
        return
    for name, wish in (
        ("min_tokens", decoding.min_tokens),
        ("bad_words", decoding.bad_words),
        ("allowed_token_ids", decoding.allowed_tokens is not None),
    ):
        if wish:
            msg = f"{name!r} cannot be held together with a form of the answer, or with tools."
            raise Failure(FailureKind.UNSUPPORTED, msg, param=name)


class _Chat:
    """The steps for a chat turn, which share what they find out."""

    def __init__(self, turn: Turn, prompt: ChatPrompt, model: ServedModel) -> None:
        self._turn = turn
        self._prompt = prompt
        self._model = model
        tools = prompt.tools
        self._tools: ToolUse | None = None
        if tools is not None and tools.callable:
            self._tools = tools.without_nulls()
        self._format: CallFormat | None = None if self._tools is None else model.call_format
        self._reasoning: ReasoningFormat | None = model.reasoning
        self._wanted = Wanted(turn.form, self._tools, self._format)
        self._pieces: list[str] = []
        self._places: list[tuple[int, int]] = []
        self._begin = Beginning(thinking=False)
        self._thought: Thought | None = None

    async def render(self, client: str) -> None:
        """Make the prompt's text, and see where the answer begins.

        Raises:
            Failure: the template refuses the messages.
        """
        prompt = self._prompt
        wishes = prompt.reasoning
        wish = Wish(
            prompt.messages,
            prompt.template_kwargs,
            self._tools,
            wishes.effort,
            wishes.enabled,
            prompt.continued,
            wishes.last_words,
        )
        rendered = await self._model.template.render(wish, client)
        self._pieces, self._places = rendered.pieces, rendered.media
        self._begin = beginning(self._reasoning, self._end, prompt.continued, rendered.begun)
        self._settle_calls(self._begin)
        if not self._begin.answered:
            self._thought = self._found_thought(self._begin.thinking)

    @property
    def _end(self) -> str:
        """The prompt's end, as far as the template has written it."""
        return self._pieces[-1]

    async def held(self, builders: Builders, client: str) -> Held:
        """What the answer is held to.

        Raises:
            Failure: it cannot be.
        """
        reasoning = self._reasoning
        heads = () if reasoning is None else self._begin.heads(reasoning, self._end)
        return await self._model.constraints.build(
            self._wanted,
            builders,
            client=client,
            heads=heads,
            after_thought=self._thought is not None,
        )

    def prepared(self, held: Held) -> Prepared:
        """The turn in the engine's terms.

        Raises:
            Failure: the request asks for tokens that what it is held to may not allow.
        """
        _check_free(self._turn.decoding, held.constraint)
        info, begin = self._model.engine.info, self._begin
        thought = self._thought
        if held.constraint is None and self._prompt.reasoning.budget is None:
            thought = None  # nothing in the worker would look at it
        decoding = msgspec.structs.replace(
            self._turn.decoding,
            constraint=held.constraint,
            thought=thought,
            shown=self._shown(),
            begun=begin.held(self._turn.form, self._tools, self._reasoning),
        )
        has_bos = bool(info.bos_token) and self._pieces[0].startswith(info.bos_token)
        add_bos = info.add_bos and self._prompt.bos and not has_bos
        return Prepared(
            self._parts(), add_bos, decoding, self._reader(begin), narrowings=held.narrowings
        )

    def _parts(self) -> tuple[PromptPart, ...]:
        """The prompt's texts, with the pictures and sounds between them."""
        parts: list[PromptPart] = list(map(TextPart, self._pieces))
        for before, index in reversed(self._places):
            parts.insert(before, self._prompt.media[index])
        return tuple(part for part in parts if part != TextPart("")) or (TextPart(""),)

    def _settle_calls(self, begin: Beginning) -> None:
        """Look for no calls where none can come any more."""
        tools, written = self._tools, self._format
        if tools is None or written is None or not begin.answered:
            return
        if not calls_behind(begin.text, tools, written):
            self._tools = self._format = None
            self._wanted = Wanted(self._turn.form, None)

    def _found_thought(self, thinking: bool) -> Thought | None:
        """The thought that may stand before the answer."""
        found, wishes = self._reasoning, self._prompt.reasoning
        if found is None:
            return None
        if not thinking and not self._may_think():
            return None
        ending = wishes.last_words + found.closing if wishes.last_words else found.ending
        return Thought(found.opening, found.closing, thinking, wishes.budget, ending)

    def _may_think(self) -> bool:
        """Whether a thought of the model's own accord is to be expected."""
        wishes = self._prompt.reasoning
        if wishes.enabled is not None:
            return wishes.enabled
        if wishes.effort is not None:
            return wishes.effort != "none"
        return self._model.thinks_unasked

    def _shown(self) -> tuple[int, ...]:
        """The control tokens that markers are made of."""
        markers = [
            *(self._format.markers if self._format is not None else ()),
            *(self._reasoning.markers if self._reasoning is not None else ()),
        ]
        if not markers:
            return ()
        info = self._model.engine.info
        text = "\0".join(markers)
        names = ((token, info.special_tokens[token]) for token in info.control_tokens)
        return tuple(token for token, name in names if name and name in text)

    def _reader(self, begin: Beginning) -> Callable[[int], Reader]:
        split = self._prompt.reasoning.split
        call_format, reasoning = self._format, self._reasoning if split else None
        if reasoning is None and call_format is None:
            return PlainReader
        tools = self._tools.tools if self._tools is not None else ()
        custom = frozenset(tool.name for tool in tools if tool.custom is not None)
        required = self._tools is not None and self._tools.mode is CallMode.REQUIRED

        def make(choice: int) -> Reader:
            parser = OutputParser(
                call_format,
                reasoning,
                tools,
                thinking=begin.thinking and split,
                begun=bool(begin.text),
                required=required,
            )
            return ParsingReader(choice, parser, custom)

        return make
