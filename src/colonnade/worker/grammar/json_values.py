"""JSON values as they are compared: numbers by what they count, strings by what they spell."""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from typing import NamedTuple


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


_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]*))?(?:[eE]([-+]?[0-9]+))?")
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


class Whole(NamedTuple):
    """An array or an object: equal to another one where it holds the same. Of that there is a
    digest alone, so that to add a value, or to compare it, takes as long whatever its size."""

    array: bool
    digest: bytes


Value = bytes | str | Number | Whole
"""What a JSON value is compared by: a string its text, ``true`` and the like themselves."""

NO_MEMBERS = bytes(32)
"""The digest of an empty array or object."""


def scalar(text: bytes) -> Value:
    """A number or a word; what is neither is its own text."""
    word = text.decode("utf-8", "surrogateescape")
    return number_of(word) or word


def with_item(digest: bytes, value: Value) -> bytes:
    """The digest of an array with one more item."""
    return blake2b(digest + _told(value), digest_size=len(NO_MEMBERS)).digest()


def with_member(digest: bytes, key: bytes, value: Value) -> bytes:
    """The digest of an object with one more member: a sum, in which their order does not count."""
    size = len(NO_MEMBERS)
    data = len(key).to_bytes(8) + key + _told(value)
    member = int.from_bytes(blake2b(data, digest_size=size).digest())
    return ((int.from_bytes(digest) + member) % (1 << 8 * size)).to_bytes(size)


def _told(value: Value) -> bytes:
    """A value as bytes that no other value has."""
    match value:
        case bytes():
            return b"s" + value
        case str():
            return b"w" + value.encode("utf-8", "surrogateescape")
        case Number():
            return f"n{value.negative} {value.digits} {value.exponent}".encode()
        case Whole():
            return (b"a" if value.array else b"o") + value.digest


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
