"""What an answer is held to: the form that was asked for, and the calls that are allowed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from colonnade.messages import Constraint, Failure, FailureKind, GrammarSyntax, JsonStart
from colonnade.prompt.calls.grammar import CallRules
from colonnade.prompt.calls.lark import Rules, quote, regex, spell
from colonnade.prompt.calls.tools import CallMode
from colonnade.prompt.forms import ChoiceForm, Form, GrammarForm, JsonForm, RegexForm
from colonnade.prompt.schema import Narrowings, embed, prepare_schema

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from colonnade.prompt.calls.formats import CallFormat
    from colonnade.prompt.calls.tools import ToolUse
    from colonnade.prompt.schema import SchemaLimits

_BLANK_LINES = r"/\n{1,2}/"
_GBNF_PIECES = re.compile(
    r'"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#[^\n]*|(?<![\w-])root(?![\w-])', re.DOTALL
)


def build_constraint(
    form: Form | None,
    use: ToolUse | None,
    format: CallFormat | None,  # noqa: A002
    special: Mapping[str, int],
    *,
    after_thought: bool,
    heads: Collection[str] = (),
    limits: SchemaLimits | None = None,
    narrowings: Narrowings | None = None,
) -> Constraint | None:
    """Put together what holds for an answer, None where it is free.

    With tools that must be called, the answer is calls. With tools that may be, it is calls, or of
    the ``form``; without a form it is free up to the first call. ``special`` are the names and ids
    of the model's special tokens. ``after_thought``: a thought may come first, and blank lines
    between it and the answer are allowed. ``heads`` are the texts of which the model writes one
    before an answer that is no call. ``limits`` are for each schema. ``narrowings`` takes what of
    the schemas' values cannot be written.

    Raises:
        Failure: what was asked for cannot be held to; the message says what and ``param`` where.
    """
    rules = Rules(narrowings)
    if use is None or format is None or use.mode is CallMode.NONE:
        if form is None:
            return None
        return _form_alone(form, rules, special, heads, after_thought, limits)
    calls = CallRules(rules, format, use, special, limits)
    if use.mode is CallMode.REQUIRED:
        return _lark(rules, calls.calls(), after_thought, format.blank)
    if form is not None:
        one_call = calls.object_calls() if format.anchored else None
        shaped = _headed(_form(form, rules, heads, limits, beside_calls=True), heads, special)
        return _lark(rules, f"{one_call or calls.calls()} | {shaped}", after_thought)
    if format.anchored:
        return _lark(rules, calls.answer(), after_thought)
    triggers = format.triggers(tool.name for tool in use.callable)
    grammar = rules.text(calls.calls())
    return Constraint(grammar, GrammarSyntax.LARK, triggers, rules.differences)


def _form_alone(
    form: Form,
    rules: Rules,
    special: Mapping[str, int],
    heads: Collection[str],
    after_thought: bool,
    limits: SchemaLimits | None,
) -> Constraint:
    if isinstance(form, GrammarForm) and form.syntax is GrammarSyntax.GBNF:
        if heads and "" not in heads:
            msg = "This model needs a grammar in Lark's notation: its answers have a head."
            raise Failure(FailureKind.UNSUPPORTED, msg, param=form.param)
        text = _loosened(form.text) if after_thought else form.text
        return Constraint(text, GrammarSyntax.GBNF)
    if isinstance(form, GrammarForm) and not heads and not after_thought:
        return Constraint(form.text, GrammarSyntax.LARK)
    return _lark(rules, _headed(_form(form, rules, heads, limits), heads, special), after_thought)


def _lark(rules: Rules, answer: str, after_thought: bool, blank: str = "") -> Constraint:
    """``blank`` is whitespace that the template writes before an answer."""
    ways = [_BLANK_LINES] if after_thought else []
    ways += [quote(blank)] if blank else []
    lead = f"{rules.terminal('blank', ' | '.join(ways))}? " if ways else ""
    return Constraint(rules.text(f"{lead}({answer})"), differences=rules.differences)


def _headed(text: str, heads: Collection[str], special: Mapping[str, int]) -> str:
    if not heads:
        return text
    return f"({' | '.join(spell(head, special) for head in heads)}) ({text})"


def _form(
    form: Form,
    rules: Rules,
    heads: Collection[str],
    limits: SchemaLimits | None,
    *,
    beside_calls: bool = False,
) -> str:
    """The Lark expression of a form, which may stand behind ``heads``."""
    match form:
        case JsonForm(schema, param):
            prepared = prepare_schema(
                schema, param=param, limits=limits, narrowings=rules.narrowings
            )
            places = rules.differing.add(prepared)
            rules.starts += [JsonStart(re.escape(head), "", places) for head in heads or ("",)]
            return f"%json {embed(prepared)}"
        case RegexForm(pattern):
            return regex(pattern)
        case ChoiceForm(options):
            return " | ".join(quote(option) for option in dict.fromkeys(options))
        case GrammarForm(text, syntax, param):
            if syntax is GrammarSyntax.LARK:
                return f"%lark {{\n{text}\n}}"
            beside = "beside tools" if beside_calls else "here"
            msg = f"A GBNF grammar cannot be used {beside}: write it in Lark, or leave out tools."
            raise Failure(FailureKind.UNSUPPORTED, msg, param=param)


def _loosened(gbnf: str) -> str:
    """Allow blank lines before what a grammar describes."""

    def renamed(found: re.Match[str]) -> str:
        return "root-behind-thought" if found.group() == "root" else found.group()

    return f'root ::= "\\n"? "\\n"? root-behind-thought\n{_GBNF_PIECES.sub(renamed, gbnf)}'
