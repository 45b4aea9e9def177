"""Parameters between tags, see ``TaggedArguments``: strings as they are, anything else as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.prompt.calls.kinds import argument_kinds
from colonnade.prompt.calls.lark import literal_regex, quote, regex, spell, split
from colonnade.prompt.calls.plain import (
    ANY_TEXT,
    beside_others,
    in_sections,
    strings,
    unsayable,
    words,
)
from colonnade.prompt.calls.pythonic import Pythonic
from colonnade.prompt.calls.spelled import Spelled, json_value, pointer_step
from colonnade.prompt.calls.texts import ANY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from colonnade.prompt.calls.formats import TaggedArguments
    from colonnade.prompt.calls.lark import Rules
    from colonnade.prompt.calls.members import Member, Members
    from colonnade.prompt.calls.signatures import Signature
    from colonnade.prompt.calls.variants import Variant

_KEY = "[A-Za-z_][A-Za-z0-9_.-]*"


class Tagged(Spelled):
    """Spells each argument between its tags."""

    comma = ""

    def __init__(self, tags: TaggedArguments, rules: Rules, special: Mapping[str, int]) -> None:
        super().__init__(rules, special)
        self._tags = tags
        self._python = Pythonic(rules, special) if tags.python else None

    def arguments(self, found: Members) -> str:
        """See ``Spelled``."""
        if self._python is not None:
            self._python.begin(self.tool)
        listed = self.members(found, self._parameter)
        if not self._tags.empty or found.least or any(each.required for each in found.listed):
            return listed
        return f"({listed} | {self._spell(self._tags.empty)})"

    def custom(self, tool: Signature, grammar: str) -> str:
        """See ``Spelled``."""
        (name,) = tool.schema["properties"]
        middle, closing = self._spell(self._tags.middle), self._spell(self._tags.closing)
        value = f"{middle} %lark {{\n{grammar}\n}} {closing}"
        return f"{self._spell(self._tags.opening + name)} {value} {self._after}".strip()

    def member(self, member: Member) -> str:
        """See ``Spelled``: what is inside of arguments is in JSON."""
        raise NotImplementedError

    def scalars(self, variants: list[Variant]) -> list[str]:
        """See ``Spelled``."""
        raise NotImplementedError

    @property
    def _after(self) -> str:
        return self._spell(self._tags.after) if self._tags.after else ""

    def _spell(self, text: str) -> str:
        return spell(text, self.special)

    def _parameter(self, member: Member) -> str:
        if member.name is not None:
            key = self._spell(self._tags.opening + member.name)
        else:  # in one terminal with what stands before: a lexer takes the longest literal
            *before, (last, named) = split(self._tags.opening, self.special)
            spelled = [self._spell(text) for text, _ in before]
            name = self.key(member, _KEY)
            if named:
                spelled += [self._spell(last), name]
            else:
                spelled.append(self.rules.terminal("key", f"{quote(last)} {name}"))
            key = " ".join(spelled)
        value = self.rules.rule("value", " | ".join(self._ways(member)) or self.rules.nothing())
        return self.rules.rule("parameter", f"{key} {value} {self._after}".strip())

    def _ways(self, member: Member) -> Iterable[str]:
        """Ways of writing a member's value, with the tags around it."""
        variants, param = self.variants.of(member.schema), self.tool.param
        texts = [variant for variant in variants if variant.kind == "string"]
        others = [variant for variant in variants if variant.kind != "string"]
        if texts:
            shapes = strings(texts, param)
            if not self._tags.told:
                read_as = argument_kinds(self.tool.given, member.name)
                shapes, others = beside_others(variants, read_as, param)
                self._tell(member, [] if self._tags.cdata else unsayable(texts, others, read_as))
            if self._tags.cdata:
                shapes = in_sections(shapes, strings(texts, param))
            yield f"{self._spell(self._tags.middle)} {self._text(shapes)}"
        for middle, told in self._tags.middles.items():
            if found := [variant for variant in others if variant.kind in told]:
                value = self._others(found)
                yield f"{self._spell(middle)} ({value}) {self._spell(self._tags.closing)}"

    def _tell(self, member: Member, lost: list[str]) -> None:
        """Note listed strings that cannot be written."""
        if lost and member.name is not None:
            place = f"{self.tool.param}#/properties/{pointer_step(member.name)}/enum"
            shown = ", ".join(map(repr, lost[:5])) + (", ..." if len(lost) > 5 else "")
            what = f"in this model's call format these read as values of another kind: {shown}"
            self.rules.narrowings.add("enum", place, what)

    def _others(self, variants: list[Variant]) -> str:
        if self._python is not None:
            return self._python.spelled(variants)
        ways = [json_value(variants, self.tool.schema)]
        if self._tags.constants:
            ways += [quote(word) for word in words(variants) if word.istitle()]
        return " | ".join(ways)

    def _text(self, shapes: str) -> str:
        """A text and its closing tag. Its end is the first closing tag, so none may contain it."""
        closing = self._tags.closing
        pieces = split(closing, self.special)
        marked = next((index for index, piece in enumerate(pieces) if piece[1]), None)
        if marked is None and shapes == ANY_TEXT:
            return self.rules.rule("text", regex(ANY), attributes=f"[suffix={quote(closing)}]")
        within = regex(f"{ANY}{literal_regex(closing)}{ANY}")
        text = self.rules.terminal("text", f"({shapes}) & ~{within}")
        if marked is None:
            return self.rules.rule("text", text, attributes=f"[suffix={quote(closing)}]")
        before = "".join(text for text, _ in pieces[:marked])
        if before:
            text = self.rules.terminal("line", f"{text} {quote(before)}")
        return f"{text} {self._spell(closing[len(before) :])}"
