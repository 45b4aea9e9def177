"""The grammar of the calls that a request allows, in the format of the model's family."""

from __future__ import annotations

import json
import re
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from colonnade.messages import Failure, FailureKind, JsonStart
from colonnade.prompt.calls.formats import JsonArguments, Slot
from colonnade.prompt.calls.json_starts import json_starts
from colonnade.prompt.calls.lark import Rules, literal_regex, regex, spell, split
from colonnade.prompt.calls.references import standalone
from colonnade.prompt.calls.signatures import Signature, signatures
from colonnade.prompt.calls.values import arguments_writer
from colonnade.prompt.schema import embed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from colonnade.prompt.calls.formats import CallFormat, Part
    from colonnade.prompt.calls.tools import ToolUse
    from colonnade.prompt.schema import SchemaLimits

_ANY = "/(?s:.*)/"
_INDEX = "/[0-9]{1,3}/"
_PLACE = re.compile(r"\bat (\d+)\(\d+\)")
"""A line and a column in the compiler's complaints."""
_TOOL = re.compile(r"tool(\d+)_\d+:")
_FIRST_TOOL = 2
"""The line behind the first rule, which belongs to no tool."""


def call_grammar(format: CallFormat, use: ToolUse, special: Mapping[str, int]) -> str:  # noqa: A002
    """Describe an answer of one or more calls, from the first one's marker to the turn's end.

    ``special`` are the names and ids of the model's special tokens.

    Raises:
        Failure: a tool's schema or name cannot be held to; no tool may be called.
    """
    rules = Rules()
    return rules.text(CallRules(rules, format, use, special).calls())


class CallRules:
    """Adds the rules of calls to a grammar."""

    def __init__(
        self,
        rules: Rules,
        format: CallFormat,  # noqa: A002
        use: ToolUse,
        special: Mapping[str, int],
        limits: SchemaLimits | None = None,
    ) -> None:
        """Prepare the tools' schemas, each within ``limits``.

        Raises:
            Failure: see ``call_grammar``.
        """
        self._rules = rules
        self._format = format
        self._special = _relevant(special, format)
        self._apart = getattr(format.arguments, "mark", "")
        self._many = use.parallel and not format.single
        self._tools = signatures(use, limits, rules.narrowings)
        if not self._tools:
            msg = "The model is to call a tool, but there is none that it may call."
            raise Failure(FailureKind.INVALID_REQUEST, msg, param="tools")
        self._arguments = arguments_writer(format.arguments, rules, self._special)

    def calls(self) -> str:
        """One or more calls."""
        self._rules.starts += json_starts(self._format, self._tools, self._rules.differing)
        opening, closing = self._format.section
        first = self._call(opening) if self._format.anchored else self._call("")
        parts = ["" if self._format.anchored else self._spell(opening), first]
        if self._many:
            again = first if not self._format.anchored else self._call("")
            parts.append(f"({self._spell(self._format.separator)} {again})*")
        end = self._spell(closing)
        parts.append(f"({end})?" if self._format.unclosed else end)
        leads = " | ".join(self._spell(lead) for lead in self._leads())
        lead = f"({leads})? " if leads else ""
        return lead + " ".join(part for part in parts if part)

    def answer(self) -> str:
        """Calls, or text that cannot be taken for a call: for formats without a marker."""
        if self._format.plain:
            return f"{self.calls()} | {self._marked_text()}"
        heads = "|".join(literal_regex(head) for head in self._heads())
        taken = regex(rf"\s*(?:{heads})(?s:.*)")
        text = self._rules.terminal("text", f"{_ANY} & ~{taken}")
        return f"{self.calls()} | {text}"

    def object_calls(self) -> str | None:
        """One call as a JSON document, None where a call of this format is none.

        Beside another JSON document a call has to be described as one: a longer literal would win
        over the document's first character.
        """
        if not isinstance(self._format.arguments, JsonArguments) or self._format.section[0]:
            return None
        keys = _object_keys(self._format.call)
        if keys is None:
            return None
        name, arguments = keys
        documents = []
        for tool in self._tools:
            document = {
                "type": "object",
                "properties": {name: {"const": tool.name}, arguments: tool.schema},
                "required": [name, arguments],
                "additionalProperties": False,
            }
            documents.append(standalone(document, tool.schema))
        places = [self._rules.differing.add(document) for document in documents]
        self._rules.starts += [JsonStart("", "", each) for each in places]
        return " | ".join(f"%json {embed(document)}" for document in documents)

    def _marked_text(self) -> str:
        """Text behind its own marker, with calls behind it or none."""
        separator = self._format.separator
        ended = self._rules.rule("talk", _ANY, attributes=f"[suffix={json.dumps(separator)}]")
        within = f"(?s:.*){literal_regex(separator)}(?s:.*)"
        whole = self._rules.terminal("text", f"{_ANY} & ~{regex(within)}")
        return f"{self._spell(self._format.plain)} ({ended} {self.calls()} | {whole})"

    def _leads(self) -> Iterator[str]:
        """Leads that are special tokens alone: as text they could not be told from an answer."""
        for lead in self._format.leads:
            if not self._format.anchored or all(named for _, named in split(lead, self._special)):
                yield lead

    def _heads(self) -> list[str]:
        """What each tool's call begins with, up to behind the name."""
        head = self._format.section[0] + _before_name(self._format.call)
        after = self._format.call[self._format.call.index(Slot.NAME) + 1]
        mark = after[0] if isinstance(after, str) else ""
        return [head + tool.name + mark for tool in self._tools]

    def _call(self, opening: str) -> str:
        ways = [self._way(parts, opening) for parts in (self._format.call, *self._format.variants)]
        return self._rules.rule("call", " | ".join(ways))

    def _way(self, parts: tuple[Part, ...], opening: str) -> str:
        """One way of writing a call: what all tools share, then a rule for each tool."""
        name, arguments = parts.index(Slot.NAME), parts.index(Slot.ARGUMENTS)
        shared, own, rest = parts[:name], parts[name:arguments], parts[arguments + 1 :]
        if self._format.anchored:  # a call has to be told from text by its first literal
            shared, own = (), (opening, *shared, *own)
        tools = " | ".join(self._tool(tool, own) for tool in self._tools)
        sequence = (self._sequence(shared), f"({tools})", self._sequence(rest))
        return " ".join(part for part in sequence if part)

    def _tool(self, tool: Signature, own: tuple[Part, ...]) -> str:
        try:
            arguments = self._arguments.expression(tool)
        except RecursionError as error:
            msg = "The schema is nested too deeply for this model's call format."
            raise Failure(FailureKind.INVALID_REQUEST, msg, param=tool.param) from error
        body = f"{self._sequence(own, tool.name)} {arguments}"
        return self._rules.rule(f"tool{tool.index}", body)

    def _sequence(self, parts: tuple[Part, ...], name: str = "") -> str:
        spelled: list[str] = []
        text = ""
        for part in parts:
            if part is Slot.NAME:
                text += name
            elif isinstance(part, str):
                text += part
            else:
                spelled += [self._spell(text), self._slot(part)]
                text = ""
        spelled.append(self._spell(text))
        return " ".join(piece for piece in spelled if piece)

    def _slot(self, slot: Slot) -> str:
        pattern = _INDEX if slot is Slot.INDEX else regex(self._format.id_pattern)
        return self._rules.terminal(slot.name, pattern)

    def _spell(self, text: str) -> str:
        return spell(text, self._special, apart=self._apart) if text else ""


def blamed_tool(grammar: str, message: str) -> int | None:
    """The place in the request of the tool that the compiler's complaint about a grammar of calls
    is about; None where that cannot be told.

    A tool's rule comes behind all that it consists of.
    """
    place = _PLACE.search(message)
    if place is None or int(place[1]) < _FIRST_TOOL:
        return None
    lines = grammar.splitlines()[int(place[1]) - 1 :]
    return next((int(rule[1]) for line in lines if (rule := _TOOL.match(line))), None)


def _relevant(special: Mapping[str, int], format: CallFormat) -> dict[str, int]:  # noqa: A002
    """The special tokens that a format's markers name."""
    markers = "\0".join(format.markers)
    return {name: token for name, token in special.items() if name and name in markers}


def _before_name(parts: tuple[Part, ...]) -> str:
    texts = takewhile(lambda part: part is not Slot.NAME, parts)
    return "".join(part for part in texts if isinstance(part, str))


def _object_keys(parts: tuple[Part, ...]) -> tuple[str, str] | None:
    """The members' names where a call is a JSON object of a name and arguments."""
    marks: dict[Part, str] = {Slot.NAME: "name", Slot.ARGUMENTS: "[]"}
    try:
        document: Any = json.loads("".join(marks.get(part, str(part)) for part in parts))
    except ValueError:
        return None
    if not isinstance(document, dict) or len(document) != len(marks):
        return None
    name = next((key for key, value in document.items() if value == "name"), None)
    arguments = next((key for key, value in document.items() if value == []), None)
    return (name, arguments) if name and arguments else None
