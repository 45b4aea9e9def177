"""The format of calls in a template that no known family's is like."""

from __future__ import annotations

import re

from colonnade.prompt.calls.formats import CallFormat, Part, Slot
from colonnade.prompt.overlap import common_end, common_start

_ARGUMENTS = re.compile(r'\{\s*"zqkey"\s*:\s*"zqvalue"\s*,\s*"zqother"\s*:\s*"zqvalue"\s*\}')
_NAMES = ("zqfirst", "zqsecond")
_IDS = ("zqidnum01", "zqidnum02")


def derive(one: str, two: str | None, plain: str) -> CallFormat | None:
    """Derive a format with JSON arguments from what a template writes.

    ``one`` is an answer of one call, ``two`` of two calls (None where a template refuses that) and
    ``plain`` an answer of text alone; the text that they share at the beginning and the end frames
    every answer. Returns None where a call has no name before its arguments.
    """
    framed = _whole_tags(one[: common_start(one, plain)])
    ending = _common_end(one, plain)
    call = one[len(framed) : len(one) - len(ending)]
    name = call.find(_NAMES[0])
    found = _ARGUMENTS.search(call, max(name, 0))
    if name < 0 or found is None:
        return None
    head, middle = call[:name], call[name + len(_NAMES[0]) : found.start()]
    tail = call[found.end() :]
    if not middle or not (head or middle.strip()):
        return None
    between = _between(two) if two is not None else None
    if between is None or (framed.strip() and framed.strip() in between):  # answers of their own
        parts = (*_parts(head), Slot.NAME, *_parts(middle), Slot.ARGUMENTS, *_parts(tail))
        return _format(parts, ("", ""), "", single=True)
    repeated = _common_end(head.replace(_IDS[0], _IDS[1]), between)
    repeated = head[len(head) - len(repeated) :]
    ended = _whole_tags(tail[: common_start(tail, between[: len(between) - len(repeated)])])
    separator = between[len(ended) : len(between) - len(repeated)]
    section = (head[: len(head) - len(repeated)], tail[len(ended) :])
    parts = (*_parts(repeated), Slot.NAME, *_parts(middle), Slot.ARGUMENTS, *_parts(ended))
    return _format(parts, section, separator, single=False)


def _format(
    parts: tuple[Part, ...], section: tuple[str, str], separator: str, *, single: bool
) -> CallFormat | None:
    opening = (section[0] or str(parts[0])).strip()
    marked = opening not in ("", "{", "[", '{"', "[{", '{"name":', '{"name": "')
    call = CallFormat("derived", parts, section, separator, single=single, anchored=not marked)
    return call if marked or isinstance(parts[0], str) or section[0] else None


def _between(two: str) -> str | None:
    """What stands between the first call's arguments and the second's name."""
    first = _ARGUMENTS.search(two, max(two.find(_NAMES[0]), 0))
    if first is None:
        return None
    second = two.find(_NAMES[1], first.end())
    return None if second < 0 else two[first.end() : second]


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
