"""Bounds of numbers and divisors as the compiler can hold them."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colonnade.prompt.schema.document import Document

NUMBERS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf")
_LARGEST = math.nextafter(2.0**63, 0)
"""The compiler counts in 64 bits, and reads bounds as doubles."""
_ALONE = 10.0**18
"""From here on a lower bound without an upper one is too large for it, and the other way round."""
_WHOLE = 2.0**53
"""From here on doubles leave numbers out."""
_DIGITS = Decimal("1e-15")
"""Of a fraction: more than 18 digits are misread."""
_LARGEST_DIVISOR = 2**32 - 1


def numbers_of(schema: dict[str, Any], document: Document, path: str) -> dict[str, float]:
    """The keywords about numbers, as far as a schema has them, in numbers that the compiler takes.

    Raises:
        Failure: no number is left, or a divisor that it cannot compute with.
    """
    found = {word: schema[word] for word in NUMBERS if word in schema}
    if not found:
        return {}
    if "multipleOf" in found and not _divides(found["multipleOf"]):
        reason = f"'multipleOf' of {found['multipleOf']} has too many digits"
        raise document.refused(f"{path}/multipleOf", reason)
    bounds = {
        word: _inside(word, value, document, path)
        for word, value in found.items()
        if word != "multipleOf"
    }
    found.update(bounds)
    return {**found, **_other_end(found, document, path)}


def _inside(word: str, value: float, document: Document, path: str) -> float:
    """The nearest bound, not beyond the given one."""
    lower = word in ("minimum", "exclusiveMinimum")
    if value > _LARGEST if lower else value < -_LARGEST:
        reason = f"numbers beyond {float(_LARGEST):.0f} cannot be written"
        raise document.refused(f"{path}/{word}", reason)
    nearest = value
    if abs(value) > _LARGEST:
        nearest = math.copysign(_LARGEST, value)
    elif abs(value) > _WHOLE:
        nearest = _rounded(value, up=lower)
        if word.startswith("exclusive"):
            nearest = math.nextafter(nearest, math.inf if lower else -math.inf)
    elif isinstance(value, float) and Decimal(repr(value)).as_tuple().exponent < -15:  # type: ignore[operator]  # a number's is one
        rounding = ROUND_CEILING if lower else ROUND_FLOOR
        nearest = float(Decimal(repr(value)).quantize(_DIGITS, rounding=rounding))
    if nearest != value:
        document.narrow(word, path, f"numbers between {value:.6g} and {nearest!r}")
    return int(nearest) if float(nearest).is_integer() else nearest


def _rounded(value: float, *, up: bool) -> float:
    """The nearest double on one side."""
    found = float(value)
    if up and found < value:
        return math.nextafter(found, math.inf)
    if not up and found > value:
        return math.nextafter(found, -math.inf)
    return found


def _other_end(found: dict[str, float], document: Document, path: str) -> dict[str, float]:
    """The end of a range that begins too far out to have none."""
    lows = [found[word] for word in ("minimum", "exclusiveMinimum") if word in found]
    highs = [found[word] for word in ("maximum", "exclusiveMaximum") if word in found]
    if lows and not highs and max(lows) >= _ALONE:
        document.narrow("minimum", path, f"numbers above {_LARGEST:.0f}")
        return {"maximum": int(_LARGEST)}
    if highs and not lows and min(highs) <= -_ALONE:
        document.narrow("maximum", path, f"numbers below {-_LARGEST:.0f}")
        return {"minimum": -int(_LARGEST)}
    return {}


def _divides(value: float) -> bool:
    """Whether the compiler can compute with a divisor: 32 bits, without its decimal point."""
    while value % 1 and value <= _LARGEST_DIVISOR:
        value *= 10
    return 0 < value <= _LARGEST_DIVISOR
