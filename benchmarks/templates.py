"""What becomes of conversations in the chat templates of a directory.

    python -m benchmarks.templates DIRECTORY

For each template (``*.jinja``): whether a prompt is what Hugging Face's ``transformers`` makes of
the same messages (where that is installed), whether calls that the template writes are read back as
they were, and whether the grammar of required calls takes the template's own text. ``--show`` says
of each template that falls short how it does.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import re
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.byte_vocabulary import Vocabulary
from benchmarks.histories import CALLS, HISTORIES, TOOLS, History, answer, shapes, user
from benchmarks.tables import Row, print_rows
from colonnade.messages import Failure
from colonnade.prompt import ChatTemplate
from colonnade.prompt.calls import CallMode, ToolUse, choose_call_format
from colonnade.prompt.calls.definitions import template_tools
from colonnade.prompt.calls.formats import Slot
from colonnade.prompt.calls.generic import instruct, supports_tools
from colonnade.prompt.constraint import build_constraint
from colonnade.prompt.output import CallArguments, CallStart, Content, OutputParser
from colonnade.prompt.overlap import common_end, common_start
from colonnade.prompt.reasoning import answer_heads, find_reasoning, opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.histories import Call, Message
    from colonnade.prompt.calls import CallFormat
    from colonnade.prompt.reasoning import ReasoningFormat

BOS, EOS = "<zqbos>", "<zqeos>"
_STARTED = datetime.now()
EQUAL, ALONE = "equal", "one an answer"
LOST, DIFFERENT, FAILED = "lost by the template", "different", "failed"
_REFERENCE = "transformers"
_VOCABULARY = Vocabulary()
_TAG = re.compile(r"<[^<>]*>\s*")
_HALF_OPENED, _HALF_CLOSED = re.compile("<[^<>]*$"), re.compile("^[^<]*>")


class Reference(Protocol):
    """Renders a template as somebody else does; raises where it refuses."""

    def __call__(
        self, source: str, messages: Sequence[Message], variables: Mapping[str, Any]
    ) -> str:
        """Render a prompt."""
        ...


def transformers_rendering() -> Reference | None:
    """How ``transformers`` renders, None where it is not installed."""
    try:
        theirs = importlib.import_module(f"{_REFERENCE}.utils.chat_template_utils")
    except ImportError:
        return None

    def rendered(source: str, messages: Sequence[Message], variables: Mapping[str, Any]) -> str:
        there = [
            {key: value for key, value in message.items() if value is not None}
            for message in messages
        ]
        texts, _ = theirs.render_jinja_template(
            [there],
            chat_template=source,
            add_generation_prompt=True,
            bos_token=BOS,
            eos_token=EOS,
            **variables,
        )
        return str(texts[0])

    return rendered


@dataclass
class Measured:
    """What was found of the templates: by kind, how many came out how, and what is to be shown."""

    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    notes: list[str] = field(default_factory=list)

    def note(self, kind: str, outcome: str, name: str, detail: str = "") -> None:
        """Count an outcome, and keep the detail."""
        self.counts[kind][outcome] += 1
        if detail:
            self.notes.append(f"{name}, {kind}: {outcome}: {detail}")


class Model:
    """A template with what a server finds out of it."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.source = source
        self.template = ChatTemplate(
            source, name=name, bos_token=BOS, eos_token=EOS, clock=lambda: _STARTED
        )
        self.format: CallFormat = choose_call_format(self.template, ())
        self.reasoning: ReasoningFormat | None = find_reasoning(self.template, ())

    def render(
        self, messages: Sequence[Message], use: ToolUse | None, *, prompt: bool = True
    ) -> str:
        """A prompt, as the server makes it."""
        shown: Sequence[Mapping[str, Any]] = messages
        kwargs: dict[str, Any] = {"add_generation_prompt": prompt}
        if use is not None and supports_tools(self.template):
            kwargs["tools"] = template_tools(use)
        elif use is not None:
            shown = instruct(messages, use, self.template)
        return self.template.render(shown, kwargs)

    def answers(self, calls: Sequence[Call]) -> list[tuple[str, str]]:
        """Prompts, and the texts of answers with all the calls, as the template writes them: one
        answer, or one for each call where the template has one in an answer."""
        alone = self.format.single or not self.template.traits.parallel_calls
        return [self._answer([call]) for call in calls] if alone else [self._answer(calls)]

    def _answer(self, calls: Sequence[Call]) -> tuple[str, str]:
        use = ToolUse(TOOLS)
        question = user("zqquestion")
        prompt = self.render([question], use)
        dialog = [question, answer(calls)]
        whole = self.render(dialog, use, prompt=False)
        said = [question, {"role": "assistant", "content": "zqsaid"}]
        plain = self.render(said, use, prompt=False)
        start = common_start(prompt, whole)
        if start < len(prompt):  # an answer that is no call begins in another way
            start = len(_HALF_OPENED.sub("", whole[:start]))
        text = self._ended(whole[start:], plain.rpartition("zqsaid")[2])
        head = _TAG.match(text)
        if head is not None and prompt.endswith(head[0].rstrip()):
            text = text[head.end() :]  # a role's name, which the prompt ends with
        reasoning = self.reasoning  # which may end at once where the prompt begins it
        ended = reasoning is not None and text.startswith(reasoning.closing)
        return prompt if ended else prompt[:start], text

    def _ended(self, text: str, ending: str) -> str:
        """An answer without what ends its turn. ``ending`` is what ends that of an answer in
        words."""
        ending = _HALF_CLOSED.sub("", ending[len(ending) - common_end(text, ending) :])
        last = self.format.section[1].strip() or str(self.format.call[-1]).strip()
        if self.format.call[-1] is Slot.ARGUMENTS and not self.format.section[1]:
            last = "}"
        for possible in (text.removesuffix(ending), text):
            before, found, _ = possible.rpartition(last)
            if found:
                return before + last
        return text.removesuffix(ending)


def prompts(model: Model, reference: Reference, measured: Measured) -> None:
    """Hold our prompts against the reference's."""
    for kind, history in HISTORIES.items():
        use = ToolUse(history.tools) if history.tools else None
        try:
            ours = model.render(history.messages, use)
        except Failure as failure:
            measured.note(kind, FAILED, model.name, failure.message)
            continue
        lost = _lost(ours, history)
        theirs = _kept(model.source, history, reference)
        if lost:
            measured.note(kind, FAILED, model.name, f"we lose {lost}")
        elif isinstance(theirs, _Loss):
            measured.note(kind, LOST, model.name, theirs.reason)
        elif ours in theirs:
            measured.note(kind, EQUAL, model.name)
        else:
            measured.note(kind, DIFFERENT, model.name, _difference(ours, theirs[0]))


@dataclass(frozen=True, slots=True)
class _Loss:
    """What the reference loses of a history in the shape that loses least."""

    reason: str


def _kept(source: str, history: History, reference: Reference) -> list[str] | _Loss:
    """The reference's prompts that lose nothing, of the most usual shape first."""
    kept: list[str] = []
    losses: list[tuple[int, str]] = []
    for variables, messages in itertools.product(_variables(history), shapes(history)):
        try:
            text = reference(source, messages, variables)
        except Exception as error:  # noqa: BLE001 - whatever a template raises
            losses.append((len(history.words) + 1, f"{type(error).__name__}: {error}"))
            continue
        lost = _lost(text, history)
        if lost:
            losses.append((len(lost), f"loses {lost}"))
        else:
            kept.append(text)
    return kept or _Loss(min(losses, key=lambda loss: loss[0])[1])


def _variables(history: History) -> Iterator[dict[str, Any]]:
    """The variables that tools may go into, as the families' own descriptions have them."""
    tools = template_tools(ToolUse(history.tools)) if history.tools else []
    functions = [tool["function"] for tool in tools]
    yield {"tools": tools or None}
    yield {"tools": None, "xml_tools": functions}
    date = _STARTED.strftime("%Y-%m-%d %H:%M:%S")
    yield {"tools": None, "functions": json.dumps(functions, indent=4), "datetime": date}


def _lost(text: str, history: History) -> list[str]:
    """What a prompt has lost, a call's quotes among it where they are escaped twice."""
    lost = [word for word in history.words if word not in text]
    return [*lost, '"'] if '\\"city' in text or "{'city': 'Paris" in text else lost


def _difference(ours: str, theirs: str) -> str:
    start = common_start(ours, theirs)
    one, two = ours[max(0, start - 20) : start + 60], theirs[max(0, start - 20) : start + 60]
    return f"ours {one!r}, theirs {two!r}"


def round_trips(model: Model, measured: Measured) -> None:
    """Read calls back from the template's own text, and hold the text to the grammar."""
    for kind, calls in CALLS.items():
        try:
            answers = model.answers(calls)
        except Failure as failure:
            measured.note(f"{kind} read", FAILED, model.name, failure.message)
            measured.note(f"{kind} allowed", FAILED, model.name)
            continue
        equal = EQUAL if len(answers) == 1 else ALONE
        detail = _misread(model, answers, calls)
        measured.note(f"{kind} read", DIFFERENT if detail else equal, model.name, detail)
        stops = [stop for prompt, text in answers if (stop := refused(model, prompt, text))]
        outcome = DIFFERENT if stops else equal
        measured.note(f"{kind} allowed", outcome, model.name, "; ".join(stops))


def _misread(model: Model, answers: Sequence[tuple[str, str]], calls: Sequence[Call]) -> str:
    """How answers are read otherwise than they were meant, empty where they are not."""
    found: list[Call] = []
    content = ""
    for prompt, text in answers:
        more, words = read(model, prompt, text)
        found += more
        content += words
    if found == list(calls) and not content:
        return ""
    return f"[{model.format.name}] {found} and {content!r} of {answers[0][1]!r}"


def read(model: Model, prompt: str, text: str) -> tuple[list[Call], str]:
    """The calls and the content of an answer."""
    thinking = model.reasoning is not None and opened(model.reasoning, prompt)
    parser = OutputParser(model.format, model.reasoning, TOOLS, thinking=thinking)
    names: list[str] = []
    texts: dict[int, str] = {}
    content = ""
    for event in (*parser.feed(text), *parser.finish()):
        match event:
            case CallStart(index, name):
                names.append(name)
                texts[index] = ""
            case CallArguments(index, piece):
                texts[index] += piece
            case Content(piece):
                content += piece
            case _:
                pass
    return [(name, _decoded(texts[index])) for index, name in enumerate(names)], content


def _decoded(text: str) -> Any:  # noqa: ANN401 - what a model wrote
    try:
        return json.loads(text)
    except ValueError:
        return text


def refused(model: Model, prompt: str, text: str) -> str:
    """Where the grammar of required calls does not take an answer, empty where it does."""
    use = ToolUse(TOOLS, CallMode.REQUIRED)
    reasoning = model.reasoning
    heads = () if reasoning is None else answer_heads(reasoning, prompt)
    if reasoning is not None:
        text = _after_thought(reasoning, text, opened_=opened(reasoning, prompt))
    try:
        constraint = build_constraint(
            None, use, model.format, {}, after_thought=reasoning is not None, heads=heads
        )
    except Failure as failure:
        return failure.message
    if constraint is None:
        return "no constraint"
    if _VOCABULARY.takes(constraint.grammar, text):
        return ""
    taken = _VOCABULARY.prefix(constraint.grammar, text)
    return f"[{model.format.name}] not beyond {taken[-30:]!r} in {text!r}"


def _after_thought(reasoning: ReasoningFormat, text: str, *, opened_: bool) -> str:
    """The part of an answer that a constraint holds for."""
    begins = text.lstrip().startswith((reasoning.opening.strip(), reasoning.closing))
    if (begins or opened_) and reasoning.closing in text:
        return text.partition(reasoning.closing)[2]
    return text


def measure(sources: Mapping[str, str], reference: Reference | None) -> Measured:
    """Measure templates, by name."""
    measured = Measured()
    for name, source in sources.items():
        model = Model(name, source)
        if reference is not None:
            prompts(model, reference, measured)
        round_trips(model, measured)
    return measured


def rows(measured: Measured) -> Iterator[Row]:
    """The figures."""
    for kind, counts in measured.counts.items():
        rest = {outcome: count for outcome, count in counts.items() if outcome != EQUAL}
        note = ", ".join(f"{count} {outcome}" for outcome, count in rest.items())
        good = counts[EQUAL] + counts[ALONE]
        yield Row(kind, f"{good} of {counts.total()}", note=note)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.templates")
    parser.add_argument("directory", type=Path, metavar="DIRECTORY")
    parser.add_argument("--only", default="", help="templates with this in their names")
    parser.add_argument("--show", action="store_true", help="how each falls short")
    options = parser.parse_args(arguments)
    found = sorted(options.directory.rglob("*.jinja"))
    sources = {
        path.stem: path.read_text(encoding="utf-8") for path in found if options.only in path.stem
    }
    reference = transformers_rendering()
    measured = measure(sources, reference)
    against = f", prompts against {_REFERENCE}" if reference is not None else ""
    print_rows(rows(measured), sys.stdout, f"{len(sources)} templates{against}", other="")
    if options.show:
        print("\n".join(measured.notes))


if __name__ == "__main__":
    main()
