"""Complaints about a body as FastAPI's services sent them, for scripts that read them.

The kinds and their words are pydantic's (https://docs.pydantic.dev/latest/errors/validation_errors),
as far as the services' bodies can cause them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from colonnade.web.body import BodyFailure

if TYPE_CHECKING:
    from colonnade.messages import Failure


class Complaint(Struct):
    """What is wrong with one field. ``loc`` is the way to it: ``["body", "max_tokens"]``."""

    loc: list[str | int]
    msg: str
    type: str


_INPUT, _LENGTH = "Input should be", "String should have at"
_PATTERNS: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern), kind, words)
    for pattern, kind, words in (
        (r"length >= (\S+)", "string_too_short", f"{_LENGTH} least {{}} characters"),
        (r"length <= (\S+)", "string_too_long", f"{_LENGTH} most {{}} characters"),
        (r" >= ([\d.]+)", "greater_than_equal", f"{_INPUT} greater than or equal to {{}}"),
        (r" > ([\d.]+)", "greater_than", f"{_INPUT} greater than {{}}"),
        (r" <= ([\d.]+)", "less_than_equal", f"{_INPUT} less than or equal to {{}}"),
        (r" < ([\d.]+)", "less_than", f"{_INPUT} less than {{}}"),
        (r"Expected `str\b", "string_type", f"{_INPUT} a valid string"),
        (r"Expected `int\b", "int_type", f"{_INPUT} a valid integer"),
        (r"Expected `float\b", "float_type", f"{_INPUT} a valid number"),
        (r"Expected `bool\b", "bool_type", f"{_INPUT} a valid boolean"),
        (r"Expected `array\b", "list_type", f"{_INPUT} a valid list"),
        (r"Expected `object\b", "dict_type", f"{_INPUT} a valid dictionary"),
    )
)


def complaint(failure: Failure) -> Complaint:
    """The complaint behind a failure of the kind invalid_request."""
    path = _path(failure.param or "")
    if not isinstance(failure, BodyFailure):
        return Complaint(["body", *path], failure.message, "value_error")
    if failure.missing:
        return Complaint(["body", *path], "Field required", "missing")
    if failure.no_json:
        return Complaint(["body"], "JSON decode error", "json_invalid")
    for pattern, kind, words in _PATTERNS:
        if found := pattern.search(failure.complaint):
            return Complaint(["body", *path], words.format(*found.groups()), kind)
    return Complaint(["body", *path], failure.message, "value_error")


_STEP = re.compile(r"[^.\[\]]+")


def _path(param: str) -> list[str | int]:
    return [int(step) if step.isdecimal() else step for step in _STEP.findall(param)]
