"""Which format a model writes its calls in: found by rendering calls through its template."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from colonnade.messages import Failure
from colonnade.prompt.calls.derive import derive
from colonnade.prompt.calls.formats import (
    GENERIC,
    BracedArguments,
    CallFormat,
    ElementArguments,
    JsonArguments,
    PythonArguments,
    Slot,
    TaggedArguments,
)
from colonnade.prompt.calls.known import KNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from colonnade.prompt.calls.formats import Arguments
    from colonnade.prompt.template import ChatTemplate

NAMES = ("zqfirst", "zqsecond")
KEYS, VALUE = ("zqkey", "zqother"), "zqvalue"
IDS = ("zqidnum01", "zqidnum02")
_TAG = re.compile(r"[<\[|]")
_INDENTED = re.compile(rf'\{{[^\S\n]*\n\s*"{KEYS[0]}"')


def choose_call_format(template: ChatTemplate, special: Collection[str]) -> CallFormat:
    """Choose the format of the family whose calls the template writes.

    Where no known family writes as it does, the format is derived from what it writes; where it
    writes no calls, it is the family's whose markers it names or the model has among its
    ``special`` tokens; and a template that shows the model no tools gets ``GENERIC``.
    """
    one, two = _rendered(template, 1), _rendered(template, 2)
    if one is not None and VALUE in one:
        found = _known(one, two, loose=False) or _derived(template, one, two)
        found = found or _known(one, two, loose=True) or GENERIC
        found = replace(found, blank=_blank(template, one))
        return replace(found, arguments=_as_written(template, found.arguments, one))
    if not _shows_tools(template):
        return GENERIC
    return _by_evidence("\0".join((template.source, *special)))


def _known(one: str, two: str | None, *, loose: bool) -> CallFormat | None:
    """The family that writes one call and two as they are in the texts."""
    for text, count in ((two, 2), (one, 1)):
        for known in KNOWN:
            found = re.search(_pattern(known, count, loose=loose), text or "")
            if found is not None and count == 1:
                return replace(known, single=True)
            if found is not None:
                unclosed = _is_unclosed(known, one, loose=loose)
                joint = next(text for text in found.groups() if text is not None)
                return replace(known, separator=joint, unclosed=unclosed)
    return None


def _as_written(template: ChatTemplate, arguments: Arguments, one: str) -> Arguments:
    """The notation with what the template may do otherwise: indented JSON, Python's constants."""
    if isinstance(arguments, JsonArguments):
        return replace(arguments, indented=_INDENTED.search(one) is not None)
    if not isinstance(arguments, TaggedArguments) or arguments.told:
        return arguments
    text = _rendered(template, 1, arguments={KEYS[0]: True}) or ""
    return replace(arguments, constants="True" in text)


def _is_unclosed(known: CallFormat, one: str, *, loose: bool) -> bool:
    """Whether the template leaves out the section's end where there is one call."""
    if re.search(_pattern(known, 1, loose=loose), one):
        return False
    open_ = replace(known, section=(known.section[0], ""))
    return re.search(_pattern(open_, 1, loose=loose), one) is not None


def _derived(template: ChatTemplate, one: str, two: str | None) -> CallFormat | None:
    """The format derived from what the template writes, if it writes that again."""
    said = _render(template, {"role": "assistant", "content": VALUE})
    for several in (two, None):
        found = derive(one, several, said) if said is not None else None
        if found is None or any(name in text for name in NAMES for text in found.markers):
            continue
        count, written = (1, one) if found.single else (2, two or "")
        if re.search(_pattern(found, count, loose=False), written):
            return found
    return None


def _by_evidence(evidence: str) -> CallFormat:
    """The family most of whose markers, and all that look like tags, are in a text."""
    best, most = GENERIC, 0
    for known in KNOWN:
        tags = {chunk for text in known.markers for chunk in text.split() if _TAG.match(chunk)}
        distinctive = {tag for tag in tags if len(tag) > len("[{")}
        if len(distinctive) > most and all(tag in evidence for tag in distinctive):
            best, most = known, len(distinctive)
    return best


def _tools() -> list[dict[str, Any]]:
    parameters = {
        "type": "object",
        "properties": {key: {"type": "string", "description": "A word."} for key in KEYS},
        "required": [*KEYS],
    }
    return [
        {
            "type": "function",
            "function": {"name": name, "description": "Probes.", "parameters": parameters},
        }
        for name in NAMES
    ]


def _render(template: ChatTemplate, *messages: dict[str, Any], prompt: bool = False) -> str | None:
    user = {"role": "user", "content": "zquser"}
    kwargs = {"tools": _tools(), "add_generation_prompt": prompt}
    try:
        text = template.render([user, *messages], kwargs)
    except Failure:
        return None
    return text[text.rfind("zquser") + len("zquser") :]


def _rendered(
    template: ChatTemplate,
    count: int,
    arguments: Mapping[str, Any] = MappingProxyType(dict.fromkeys(KEYS, VALUE)),
) -> str | None:
    """What the template makes of an answer of so many calls."""
    calls = [
        {
            "id": IDS[index],
            "type": "function",
            "function": {"name": NAMES[index], "arguments": json.dumps(dict(arguments))},
        }
        for index in range(count)
    ]
    return _render(template, {"role": "assistant", "content": "", "tool_calls": calls})


def _blank(template: ChatTemplate, one: str) -> str:
    """The whitespace that the template writes between a prompt and a call, where it writes no more
    than that."""
    prompt = _render(template, prompt=True) or ""
    answer = one.removeprefix(prompt)
    return answer[: len(answer) - len(answer.lstrip())] if one.startswith(prompt) else ""


def _shows_tools(template: ChatTemplate) -> bool:
    try:
        text = template.render([{"role": "user", "content": "zquser"}], {"tools": _tools()})
    except Failure:
        return False
    return NAMES[0] in text


def _pattern(known: CallFormat, count: int, *, loose: bool) -> str:
    """A regular expression for so many calls; ``loose`` takes whitespace of any amount also within
    a call, and not only between calls."""
    write = _loose if loose else re.escape
    ways: list[str] = []
    for parts in (known.call, *known.variants):
        calls = []
        for name in NAMES[:count]:
            slots = {
                Slot.NAME: name,
                Slot.ID: r"[\w.:-]+",
                Slot.INDEX: r"\d+",
                Slot.ARGUMENTS: _arguments(known, write),
            }
            calls.append(
                "".join(slots[part] if isinstance(part, Slot) else write(part) for part in parts)
            )
        ways.append(f"(?P<joint{len(ways) or ''}>{_loose(known.separator)})".join(calls))
    opening, closing = known.section
    return f"{write(opening)}(?:{'|'.join(ways)}){write(closing)}"


def _arguments(known: CallFormat, write: Callable[[str], str]) -> str:
    match known.arguments:
        case TaggedArguments(opening, middle, closing, after):
            tags = [(opening, key, middle, VALUE, closing, after) for key in KEYS]
            return "".join(write(text) for tag in tags for text in tag)
        case ElementArguments(mark):
            return "".join(write(f"{mark}<{key}>{VALUE}{mark}</{key}>") for key in KEYS)
        case PythonArguments():
            return ", ".join(f"{key}=[\"']{VALUE}[\"']" for key in KEYS)
        case BracedArguments(quote):
            mark = re.escape(quote)
            return r"\{" + ",".join(f"{key}:{mark}{VALUE}{mark}" for key in KEYS) + r"\}"
        case _:
            pairs = (rf'"{key}"\s*:\s*"{VALUE}"' for key in KEYS)
            return r"\{\s*" + r"\s*,\s*".join(pairs) + r"\s*\}"


def _loose(literal: str) -> str:
    chunks = r"\s*".join(map(re.escape, literal.split()))
    return rf"\s*{chunks}\s*" if chunks else r"\s*"
