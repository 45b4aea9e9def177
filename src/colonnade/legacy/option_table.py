"""Tables of options, each honoured, ignored with a warning, or refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Fate(StrEnum):
    """What becomes of an option."""

    HONOURED = "honoured"
    IGNORED = "ignored, with a warning"
    """It would change nothing in the answer."""
    REFUSED = "refused"
    """It would change the answer, and cannot."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option. ``harmless`` is a value that asks for nothing, as None does."""

    name: str
    fate: Fate
    kind: str
    note: str
    harmless: Any = None


_TYPES: dict[str, Any] = {
    "any": Any,
    "bias": dict[str, float],
    "bool": bool,
    "dict": dict[str, bool | int | float | str],
    "float": float,
    "floats": tuple[float, ...],
    "int": int,
    "switch": bool | int,
    "text": str,
    "texts": str | list[str],
    "type": int | str,
}


@dataclass(frozen=True, slots=True)
class Judged:
    """The honoured options of a request, with what is to say of the others."""

    values: dict[str, Any]
    warnings: list[str]


def judge(options: Sequence[Option], given: Mapping[str, Any], others: Sequence[Option]) -> Judged:
    """Sort a request's options. ``others`` belong to another route, and are ignored here.

    Raises:
        Failure: an option is refused, or its value is of a wrong type.
    """
    known = {option.name: option for option in options}
    elsewhere = {option.name for option in others}
    judged = Judged({}, [])
    for name, value in given.items():
        if value is None:
            continue
        option = known.get(name)
        if option is None:
            reason = "belongs to the other route" if name in elsewhere else "is not known"
            judged.warnings.append(f"{name!r} {reason}: it was ignored.")
            continue
        found = _converted(option, value)
        if option.fate is Fate.HONOURED:
            judged.values[name] = found
        elif found != option.harmless:
            _complain(option, judged)
    return judged


def _complain(option: Option, judged: Judged) -> None:
    msg = f"{option.name!r} {'is not supported' if option.fate is Fate.REFUSED else 'was ignored'}"
    if option.fate is Fate.REFUSED:
        param = f"options.{option.name}"
        raise Failure(FailureKind.UNSUPPORTED, f"{msg}: {option.note}", param=param)
    judged.warnings.append(f"{msg}: {option.note}")


def _converted(option: Option, value: object) -> Any:  # noqa: ANN401 - of the option's kind
    try:
        converted = msgspec.convert(value, _TYPES[option.kind], strict=False)
    except msgspec.ValidationError as error:
        msg = f"'options.{option.name}' is wrong: {error}."
        param = f"options.{option.name}"
        raise Failure(FailureKind.INVALID_REQUEST, msg, param=param) from error
    if isinstance(converted, float) and converted - converted != 0:
        msg = f"'options.{option.name}' is wrong: {value!r} is no number."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param=f"options.{option.name}")
    return converted


def page(options: Sequence[Option]) -> Iterator[str]:
    """The table in Markdown."""
    yield "| option | what becomes of it | |"
    yield "|---|---|---|"
    for option in options:
        yield f"| `{option.name}` | {_fate(option)} | {option.note} |"


def _fate(option: Option) -> str:
    if option.fate is Fate.HONOURED or option.harmless is None:
        return option.fate.value
    return f"{option.fate.value}, unless `{str(option.harmless).lower()}`"
