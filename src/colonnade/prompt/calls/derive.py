"""The format of calls in a template that no known family's is like."""

from __future__ import annotations

import re
from typing import NamedTuple

from colonnade.prompt.calls.formats import (
    JSON_ARGUMENTS,
    Arguments,
    CallFormat,
    Part,
    Slot,
    TaggedArguments,
)
from colonnade.prompt.overlap import common_end, common_start

_ARGUMENTS = re.compile(r'\{\s*"zqkey"\s*:\s*"zqvalue"\s*,\s*"zqother"\s*:\s*"zqvalue"\s*\}')
_TAGGED = re.compile(
    r"(?P<before>.*?)zqkey(?P<middle>.*?)zqvalue(?P<joint>.*?)zqother(?P=middle)zqvalue(?P<tail>.*)",
    re.DOTALL,
)
_LONGEST = 2000
"""Characters of a call with two short arguments: so many ways to take a text apart can be tried."""
_UNMARKED = ("", "{", "[", '{"', "[{", '{"name":', '{"name": "', '[{"name": "')
_NAMES = ("zqfirst", "zqsecond")
_IDS = ("zqidnum01", "zqidnum02")


def derive(one: str, two: str | None, plain: str) -> CallFormat | None:
    """Derive a format from what a template writes.

    ``one`` is an answer of one call, ``two`` of two calls (None where a template refuses that) and
    ``plain`` an answer of text alone; the text that they share at the beginning and the end frames
    every answer. Returns None where a call is not a name before arguments that are one JSON object
    or stand between tags.
    """
    framed = _whole_tags(one[: common_start(one, plain)])
    ending = _common_end(one, plain)
    call = one[len(framed) : len(one) - len(ending)]
    name = call.find(_NAMES[0])
    found = _find_arguments(call, name + len(_NAMES[0])) if name >= 0 else None
    if found is None:
        return None
    head, middle = call[:name], call[name + len(_NAMES[0]) : found.start]
    tail = call[found.end :]
    if not head.strip() and not middle.strip():
        return None
    between = _between(two, call[found.start : found.end]) if two is not None else None
    if between is None or (framed.strip() and framed.strip() in between):  # answers of their own
        parts = (*_parts(head), Slot.NAME, *_parts(middle), Slot.ARGUMENTS, *_parts(tail))
        return _format(parts, found.arguments, ("", ""), None)
    repeated = _common_end(head.replace(_IDS[0], _IDS[1]), between)
    repeated = head[len(head) - len(repeated) :]
    ended = _whole_tags(tail[: common_start(tail, between[: len(between) - len(repeated)])])
    separator = between[len(ended) : len(between) - len(repeated)]
    section = (head[: len(head) - len(repeated)], tail[len(ended) :])
    parts = (*_parts(repeated), Slot.NAME, *_parts(middle), Slot.ARGUMENTS, *_parts(ended))
    return _format(parts, found.arguments, section, separator)


class _Found(NamedTuple):
    """Where arguments stand, and how they are written."""

    start: int
    end: int
    arguments: Arguments


def _find_arguments(call: str, start: int) -> _Found | None:
    """Find a call's arguments at ``start`` or behind it."""
    found = _ARGUMENTS.search(call, start)
    if found is not None:
        return _Found(found.start(), found.end(), JSON_ARGUMENTS)
    tagged = _TAGGED.match(call, start) if len(call) - start <= _LONGEST else None
    if tagged is None:
        return None
    before, middle, joint, tail = tagged.group("before", "middle", "joint", "tail")
    opening = _common_end(before, joint)
    closing = joint[: len(joint) - len(opening)]
    if not opening.strip() or not middle.strip() or not closing.strip():
        return None
    if not tail.startswith(closing):
        return None
    tags = TaggedArguments(opening, middle, closing)
    begin = tagged.end("before") - len(opening)
    return _Found(begin, tagged.start("tail") + len(closing), tags)


def _format(
    parts: tuple[Part, ...],
    arguments: Arguments,
    section: tuple[str, str],
    separator: str | None,
) -> CallFormat:
    """Without a ``separator`` an answer has one call."""
    opening = (section[0] or (parts[0] if isinstance(parts[0], str) else "")).strip()
    return CallFormat(
        "derived",
        parts,
        section,
        separator or "",
        arguments,
        single=separator is None,
        anchored=opening in _UNMARKED,
        opening=opening,  # whole: its first tag may begin other things too
    )


def _between(two: str, arguments: str) -> str | None:
    """What stands between the first call's arguments and the second's name."""
    first = two.find(arguments, max(two.find(_NAMES[0]), 0))
    second = two.find(_NAMES[1], first)
    return None if first < 0 or second < 0 else two[first + len(arguments) : second]


def _common_end(one: str, other: str) -> str:
    """What both texts end with, no tag cut in two."""
    end = one[len(one) - common_end(one, other) :]
    return re.sub(r"^[^<]*?>", "", end) if re.match(r"[^<]*>", end) else end


def _whole_tags(text: str) -> str:
    """A text without the beginning of a tag at its end."""
    return re.sub(r"<[^<>]*$", "", text)


def _parts(text: str) -> tuple[Part, ...]:
    """Cut a text at ids."""
    parts: list[Part] = []
    for index, piece in enumerate(re.split("|".join(_IDS), text)):
        if index:
            parts.append(Slot.ID)
        if piece:
            parts.append(piece)
    return tuple(parts)
