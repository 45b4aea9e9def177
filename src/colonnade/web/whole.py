"""Whole numbers that are written as ``2.0``: integers to JSON Schema, and so to OpenAI's spec."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_FLOAT_FOR_INT = re.compile(r"Expected `[^`]*\bint\b[^`]*`, got `float` - at `\$(?P<path>[^`]*)`")
_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+)\]")
_MOST_PLACES = 32
"""Fields of a body that are mended; each costs a conversion of the whole."""
_MOST_WORK = 1 << 25
"""Bytes of bodies that are converted for one, with at least two of its fields mended."""


def convert_whole(body: bytes | str, wanted: Any, error: msgspec.ValidationError) -> Any:  # noqa: ANN401 - any type that msgspec knows
    """Decode a body again that failed with ``error``, floats without a fraction being integers
    where integers are expected.

    Raises:
        msgspec.ValidationError: it is not of that shape even so.
    """
    value: Any = None
    for _ in range(max(2, min(_MOST_PLACES, _MOST_WORK // max(1, len(body))))):
        found = _FLOAT_FOR_INT.fullmatch(str(error))
        if found is None:
            break
        value = msgspec.json.decode(body) if value is None else value
        if not _mend(value, found["path"]):
            break
        try:
            return msgspec.convert(value, wanted)
        except msgspec.ValidationError as next_error:
            error = next_error
    raise error


def _mend(value: Any, path: str) -> bool:  # noqa: ANN401 - plain JSON
    """Make an integer of the float at a path, and of others in the same list. Returns whether
    there was one to be made."""
    steps = [found["name"] or int(found["index"]) for found in _STEP.finditer(path)]
    last = steps[-1]
    try:
        for step in steps[:-1]:
            value = value[step]
        whole = _is_whole(value[last])
    except (LookupError, TypeError):
        # The body has the key twice: what counts is the second, and what failed was the first.
        return False
    if not whole:
        return False
    if isinstance(value, list):
        value[:] = [int(each) if _is_whole(each) else each for each in value]
    else:
        value[last] = int(value[last])
    return True


def _is_whole(value: Any) -> bool:  # noqa: ANN401 - plain JSON
    return isinstance(value, float) and value.is_integer()
