"""JSON values as they are compared: numbers by what they count, strings by what they spell."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable


class Number(NamedTuple):
    """Equal to another one where both count the same: without noughts at either end."""

    negative: bool
    digits: str
    exponent: int
    """Of ten, by which the digits are multiplied."""


def number_of(text: str) -> Number | None:
    """The number that a text is; None where it is none, or its exponent has too many digits."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    sign, whole, fraction, exponent = found.groups("")
    digits = (whole + fraction).lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return _NOUGHT
    if len(exponent) > _MOST_DIGITS:
        return None
    shift = len(digits) - len(significant) - len(fraction)
    return Number(sign == "-", significant, int(exponent or "0") + shift)


_NUMBER = re.compile(r"(-?)([0-9]+)\.?([0-9]*)(?:[eE]([-+]?[0-9]+))?")
_NOUGHT = Number(negative=False, digits="", exponent=0)
_MOST_DIGITS = 4000
"""Of an exponent: Python reads no longer ones."""


def _number(text: str) -> Number:
    return number_of(text) or Number(negative=False, digits=text, exponent=0)


_DECODER = json.JSONDecoder(parse_int=_number, parse_float=_number, strict=False)


def spelled(raw: bytes) -> bytes:
    """The text of a string, in UTF-8, from what stands between its quotes."""
    if b"\\" not in raw:
        return bytes(raw)
    try:
        text = _DECODER.decode(f'"{raw.decode("utf-8", "surrogateescape")}"')
    except ValueError:  # an escape that is not whole
        return bytes(raw)
    return _bytes(text)


def respelled(text: bytes) -> bytes:
    """A JSON text in which every control character is spelled in one way; the last escape may be
    cut short, see ``OPEN_ESCAPE``."""
    return _ESCAPE.sub(_one_way, text) if b"\\" in text else text


OPEN_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*(\\(?:u[0-9a-fA-F]{0,3})?)$")
"""The end of a text that is cut within an escape; the group is what there is of that."""
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_SHORT = {8: rb"\b", 9: rb"\t", 10: rb"\n", 12: rb"\f", 13: rb"\r"}


def _one_way(found: re.Match[bytes]) -> bytes:
    if found[1] is None:
        return found[0]
    return _SHORT.get(int(found[1], 16), found[0].lower())


@lru_cache(maxsize=4)
def value_of(text: bytes) -> Hashable:
    """A JSON text as a value that equals another one's where the two are equal: a string as its
    bytes, a number as a ``Number``, words as ``str``, and tuples for arrays and objects.

    The last few are kept: many tokens may end the same item, and each of them asks. What cannot be
    read, nested too deeply, is its own text.
    """
    try:
        return _comparable(_DECODER.decode(text.decode("utf-8", "surrogateescape")))
    except (ValueError, RecursionError):
        return "text", bytes(text)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _comparable(value: object) -> Hashable:
    match value:
        case str():
            return _bytes(value)
        case Number():
            return value
        case list():
            return "array", *(_comparable(each) for each in value)
        case dict():
            pairs = ((_bytes(key), _comparable(each)) for key, each in value.items())
            return "object", frozenset(pairs)
        case _:
            return json.dumps(value)
