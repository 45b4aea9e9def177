"""Scalars that stand in a text as they are: strings, and values of other kinds beside them.

What a reader would take for another kind is no string there; and what a lexer could take for the
beginning of something else neither.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from colonnade.prompt.calls.lark import literal_regex, regex
from colonnade.prompt.calls.texts import ANY, conditions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from colonnade.prompt.calls.variants import Variant

_WHOLE = "-?(?:0|[1-9][0-9]*)"
_NUMBER = rf"{_WHOLE}(?:\.[0-9]+)?(?:[eE][+\-]?[0-9]+)?"
_READ = {
    "null": "null|None",
    "boolean": "true|false|True|False",
    "number": _NUMBER,
    "array": r"\[(?s:.*)\]",
    "object": r"\{(?s:.*)\}",
}
"""Texts that are read as values of other kinds than strings, where those are allowed too."""
_BEGUN = {"number": "-?[0-9]", "array": r"\[", "object": r"\{"}
"""What such values begin with: a text that does too would hide them from a lexer."""
_WORDS = {True: ("true", "True"), False: ("false", "False"), None: ("null", "None")}
ANY_TEXT = f"({regex(ANY)})"


def strings(variants: Iterable[Variant], param: str) -> str:
    """A terminal's body for strings."""
    ways = [conditions(variant, param) or [ANY] for variant in variants]
    return " | ".join(f"({' & '.join(map(regex, way))})" for way in ways)


def beside_others(
    variants: Sequence[Variant], read_as: frozenset[str], param: str
) -> tuple[str, list[Variant]]:
    """A terminal's body for variants of which some are strings, and the variants that it does not
    hold. ``read_as`` are the kinds of which a text may be read there.
    """
    others = [variant for variant in variants if variant.kind != "string"]
    inline = [_inline(variant) for variant in others]
    rest = [variant for variant, text in zip(others, inline, strict=True) if text is None]
    texts = strings((v for v in variants if v.kind == "string"), param)
    if refused := _refused(rest, read_as):
        texts = f"(({texts}) & ~{regex(refused)})"
    return " | ".join([texts, *(regex(text) for text in inline if text)]), rest


def _refused(rest: Iterable[Variant], read_as: frozenset[str]) -> str:
    """An expression for texts that would be taken for something else; empty where there is none."""
    begun = {variant.kind for variant in rest}
    refused = [f"(?:{_BEGUN[kind]}){ANY}" for kind in sorted(begun)]
    refused += [_READ[kind] for kind in sorted(read_as - begun) if kind in _READ]
    return f"(?:{'|'.join(refused)})" if refused else ""


def unsayable(
    variants: Iterable[Variant], rest: Iterable[Variant], read_as: frozenset[str]
) -> list[str]:
    """The listed strings among ``variants`` that would be taken for something else."""
    pattern = re.compile(_refused(rest, read_as) or "(?!)")
    listed = (v.values or () for v in variants if v.kind == "string")
    return [text for values in listed for text in values if pattern.fullmatch(text)]


def in_sections(shapes: str, texts: str) -> str:
    """A terminal's body for ``shapes``, or for ``texts`` in sections of XML's character data."""
    begun, end = literal_regex("<![CDATA["), literal_regex("]]>")
    plain = f"(({shapes}) & ~{regex(begun + ANY)})"
    inside = f"(({texts}) & ~{regex(ANY + end + ANY)})"
    return f"{plain} | ({regex(begun)} {inside} {regex(end)})"


def _inline(variant: Variant) -> str | None:
    """An expression for scalars that a lexer cannot tell from texts, None for other values."""
    if variant.kind in ("boolean", "null"):
        return f"(?:{'|'.join(words([variant]))})"
    if variant.kind != "number" or variant.parts:
        return None
    if variant.values is not None:
        return f"(?:{'|'.join(literal_regex(json.dumps(value)) for value in variant.values)})"
    return _WHOLE if variant.whole else _NUMBER


def words(variants: Iterable[Variant]) -> list[str]:
    """The constants that some variants allow, under JSON's names and Python's."""
    found: list[str] = []
    for variant in variants:
        values = variant.values
        if values is None:
            values = {"boolean": (True, False), "null": (None,)}.get(variant.kind, ())
        if variant.kind in ("boolean", "null"):
            found += [word for value in values for word in _WORDS[value]]
    return list(dict.fromkeys(found))
