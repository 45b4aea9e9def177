"""One parser for what models write: content, reasoning and tool calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.prompt.calls.formats import Slot
from colonnade.prompt.output.events import CallArguments, CallStart, Content, Reasoning
from colonnade.prompt.output.notations import read_arguments
from colonnade.prompt.output.sinks import InputSink, JsonSink
from colonnade.prompt.output.source import Source, Stops

if TYPE_CHECKING:
    from colonnade.prompt.calls.formats import CallFormat, Part
    from colonnade.prompt.calls.tools import Tool
    from colonnade.prompt.output.events import Parsed
    from colonnade.prompt.output.source import Reading
    from colonnade.prompt.reasoning import ReasoningFormat

_NAME_LENGTH = 256
_PIECE = 4096
_SPACES = (" ", "\n", "\t", "\r")


class OutputParser:
    """Reads an answer as it comes, in whatever pieces.

    A thought stands only at the beginning. Whitespace around thoughts and calls is no content.
    What looks like a call and turns out to be none is content. A call that the answer's end cuts
    off keeps what came of it once its name is whole, and before that it is nothing: behind a call's
    marker a grammar held the model to calls, so that what came is no content. The work is
    proportional to the text.
    """

    def __init__(
        self,
        calls: CallFormat | None,
        reasoning: ReasoningFormat | None,
        tools: tuple[Tool, ...],
        *,
        thinking: bool,
        begun: bool = False,
        required: bool = False,
    ) -> None:
        """Without ``tools`` the markers of calls are content like any other text. ``thinking``: the
        prompt ended inside a thought. ``begun``: it ended inside a text, of this answer's thought
        or of its content. ``required``: behind a thought, the answer is calls alone."""
        self._format = calls if tools else None
        self._reasoning = reasoning
        self._tools = {tool.name: tool for tool in tools}
        self._source = Source()
        self._out: list[Parsed] = []
        self._spaces: list[str] = []
        self._trims = self._format is not None or reasoning is not None
        self._trim = False
        self._fresh = thinking or not begun
        self._idle = False
        self._count = 0
        self._required = required and self._format is not None
        self._stops = Stops(self._marks())
        self._reading = self._read(thinking=thinking, begun=begun)
        next(self._reading, None)

    def feed(self, text: str) -> list[Parsed]:
        """Read more of the answer."""
        if not text:
            return []
        if self._idle and not self._source.text and not self._stops.first.search(text):
            self._content(text)
        else:
            for start in range(0, len(text), _PIECE):  # what has come is copied when some is read
                self._source.text += text[start : start + _PIECE]
                next(self._reading, None)
        return self._emitted()

    def finish(self) -> list[Parsed]:
        """Read the end of the answer."""
        self._source.ended = True
        next(self._reading, None)
        if self._spaces and not self._trim:
            self._out.append(Content("".join(self._spaces)))
            self._spaces = []
        return self._emitted()

    def _emitted(self) -> list[Parsed]:
        out, self._out = self._out, []
        if len(out) < 2:
            return out
        joined: list[Parsed] = []
        for event in out:
            last = joined[-1] if joined else None
            match last, event:
                case Content(one), Content(two):
                    joined[-1] = Content(one + two)
                case Reasoning(one), Reasoning(two):
                    joined[-1] = Reasoning(one + two)
                case CallArguments(index, one), CallArguments(other, two) if index == other:
                    joined[-1] = CallArguments(index, one + two)
                case _:
                    joined.append(event)
        return joined

    def _marks(self) -> list[str]:
        """What content has to be searched for."""
        marks: list[str] = []
        if self._reasoning is not None:
            marks += [self._reasoning.opening, *self._reasoning.dropped]
        if self._format is not None:
            marks += self._format.triggers(self._tools)
            marks += () if self._format.anchored else self._format.leads
            if self._format.plain:
                marks.append(self._format.separator)
        return marks

    def _read(self, *, thinking: bool, begun: bool) -> Reading[None]:
        """Read the whole answer."""
        if self._reasoning is not None and thinking and begun:
            yield from self._rest_of_thought(self._reasoning)
        elif self._reasoning is not None and (
            thinking or (not begun and (yield from self._opens(self._reasoning)))
        ):
            yield from self._thought(self._reasoning)
        if self._format is not None and self._format.anchored:
            yield from self._beginning(self._format)
        while True:
            self._idle = True
            mark = yield from self._source.until(self._stops, self._content, whole=self._required)
            self._idle = False
            if mark is None:
                return
            yield from self._marked(mark)

    def _marked(self, mark: str) -> Reading[None]:
        """Go on behind a marker in the content."""
        if self._reasoning is not None and mark == self._reasoning.opening:
            if self._fresh:
                yield from self._thought(self._reasoning)
            else:
                self._content(mark)
        elif self._reasoning is not None and mark in self._reasoning.dropped:
            self._trim = self._fresh = True
        elif self._format is not None and mark in self._format.leads:
            self._trim = True
        elif self._format is not None:
            if self._format.plain:
                mark = ""
            self._source.text = mark + self._source.text
            yield from self._calls(self._format, mark)

    def _opens(self, reasoning: ReasoningFormat) -> Reading[bool]:
        """Whether a thought begins here, behind whitespace at most.

        A thought that ends at once, where nothing has begun it, is an empty one.
        """
        self._source.taken = []
        yield from self._source.blank()
        found = yield from self._source.literal(reasoning.opening, reasoning.closing)
        if found is None:
            self._put_back()
            return False
        self._source.taken = None
        self._trim = found == reasoning.closing
        return found == reasoning.opening

    def _put_back(self) -> None:
        """Undo what was read since ``taken`` was set."""
        self._source.text = "".join(self._source.taken or ()) + self._source.text
        self._source.taken = None

    def _thought(self, reasoning: ReasoningFormat) -> Reading[None]:
        """Read a thought, of which newlines at either end are no part."""
        yield from self._source.blank()
        yield from self._source.literal(reasoning.opening)  # some write it though the prompt has it
        yield from self._source.blank()
        yield from self._rest_of_thought(reasoning)

    def _rest_of_thought(self, reasoning: ReasoningFormat) -> Reading[None]:
        yield from self._source.until(Stops((reasoning.closing,)), self._think)
        self._spaces = []
        self._trim = True

    def _think(self, text: str) -> None:
        if words := self._held(text):
            self._out.append(Reasoning(words))

    def _content(self, text: str) -> None:
        if self._trim:
            text = text.lstrip()
            if not text:
                return
            self._trim = False
        if self._trims:
            text = self._held(text)
        if text:
            self._fresh = False
            self._out.append(Content(text))

    def _held(self, text: str) -> str:
        """Keep whitespace at the end back until more than that comes behind it."""
        words = text.rstrip()
        if not words:
            self._spaces.append(text)
            return ""
        before = "".join(self._spaces)
        self._spaces = [text[len(words) :]] if len(words) < len(text) else []
        return before + words

    def _beginning(self, format: CallFormat) -> Reading[None]:  # noqa: A002
        """Read the calls that an answer without markers may begin with."""
        self._source.taken = []
        yield from self._source.blank()
        if format.plain and (yield from self._source.literal(format.plain)) is not None:
            self._source.taken = None
            self._trim = True
            return
        self._put_back()
        yield from self._calls(format, "")

    def _calls(self, format: CallFormat, mark: str) -> Reading[None]:  # noqa: A002
        """Read calls from the first one's ``mark`` to the last one's end."""
        before = self._count
        self._source.taken = []
        yield from self._source.blank()
        if format.anchored:
            yield from self._source.literal(*format.leads)
        closing = format.section[1].strip()
        more = yield from self._source.expect(format.section[0])
        while more and (yield from self._call(format)):
            self._source.taken = []
            yield from self._source.blank()
            ends = [text for text in (closing, format.separator.strip()) if text]
            found = yield from self._source.literal(*ends) if ends else _nothing()
            if found and found == closing:
                break
        else:
            if self._count == before and not any(self._source.taken or ()):
                self._source.take(len(mark))
            self._give_up()
        self._source.taken = None
        if self._count > before:
            self._trim = True

    def _give_up(self) -> None:
        """Make content of what was read of a call that is none."""
        text = "".join(self._source.taken or ())
        self._source.taken = None
        if self._is_cut():
            self._source.text, self._spaces = "", []
            return
        if self._count:
            text = text.lstrip()
            self._trim = True
        if text:
            self._content(text)

    def _is_cut(self) -> bool:
        """Whether the answer ended within what can be nothing but a call."""
        known = self._format
        if known is None or not self._source.ended:
            return False
        return self._required or not known.anchored or bool(known.plain) or self._count > 0

    def _call(self, format: CallFormat) -> Reading[bool]:  # noqa: A002
        """Read one call. False where none comes."""
        parts = yield from self._way(format)
        if parts is None:
            return False
        at = parts.index(Slot.ARGUMENTS)
        found: dict[Slot, str] = {}
        whole = yield from self._head(format, parts, found)
        name, call_id = found.get(Slot.NAME, ""), found.get(Slot.ID)
        if not (whole or (name and self._is_cut())) or (
            format.anchored and name not in self._tools
        ):
            return False
        if format.id_form is not None and whole:
            call_id = format.id_form.format(name=name, index=found.get(Slot.INDEX, ""))
        self._start(name, call_id)
        return whole and (yield from self._arguments(format, parts[at + 1 :], name))

    def _head(
        self,
        format: CallFormat,  # noqa: A002
        parts: tuple[Part, ...],
        found: dict[Slot, str],
    ) -> Reading[bool]:
        """Read a call behind its first part up to its arguments, and note what is ``found`` in its
        slots. False where something else comes, or the end."""
        for place, part in enumerate(parts[: parts.index(Slot.ARGUMENTS)]):
            if isinstance(part, str):
                if place and not (yield from self._source.expect(part)):
                    return False
                continue
            word = yield from self._source.word(self._ends(format, parts, place), _NAME_LENGTH)
            if not word:
                return False
            found[part] = word
        return True

    def _way(self, format: CallFormat) -> Reading[tuple[Part, ...] | None]:  # noqa: A002
        """Read the beginning of a call, and tell by it how the call is written."""
        if format.call[0] is Slot.NAME:
            yield from self._source.blank()
            return format.call
        ways = {str(parts[0]).lstrip(): parts for parts in (format.call, *format.variants)}
        if len(ways) == 1:
            return format.call if (yield from self._source.expect(str(format.call[0]))) else None
        head = yield from self._source.literal(*ways)
        return None if head is None else ways[head]

    def _ends(self, format: CallFormat, parts: tuple[Part, ...], place: int) -> Stops:  # noqa: A002
        """What may stand behind the slot at ``place``."""
        ends = [*_SPACES]
        for part in parts[place + 1 :]:
            if part is Slot.ARGUMENTS:
                ends += [getattr(format.arguments, "opening", "{"), "{"]
            elif isinstance(part, str):
                ends.append(part.split()[0] if part.strip() else part)
                if part.strip():
                    break
        return Stops(ends)

    def _start(self, name: str, call_id: str | None) -> None:
        """Begin a call."""
        self._out.append(CallStart(self._count, name, call_id))
        self._count += 1
        self._spaces = []
        self._source.taken = None
        self._fresh = False

    def _arguments(
        self,
        format: CallFormat,  # noqa: A002
        rest: tuple[Part, ...],
        name: str,
    ) -> Reading[bool]:
        """Read a call from its arguments on."""
        index = self._count - 1
        tool = self._tools.get(name)

        def emit(text: str) -> None:
            if text:
                self._out.append(CallArguments(index, text))

        custom = tool is not None and tool.custom is not None
        sink = InputSink(emit) if custom else JsonSink(emit)
        tail = next((part for part in rest if isinstance(part, str)), "")
        if not (yield from read_arguments(format.arguments, self._source, sink, tool, tail)):
            self._source.taken = []
            return False
        self._source.taken = []
        for place, part in enumerate(rest):
            if isinstance(part, str):
                if not (yield from self._source.expect(part)):
                    return False
            else:
                yield from self._source.word(self._ends(format, rest, place), _NAME_LENGTH)
        return True


def _nothing() -> Reading[None]:
    return
    yield
