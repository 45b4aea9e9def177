"""Texts that a regular expression matches, drawn through Python's own parser of them."""

from __future__ import annotations

import re
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

_MORE = 3
"""Repetitions beyond the least."""
_CATEGORIES = {"DIGIT": "0123456789", "WORD": "aZ09_", "SPACE": " "}


def matching(pattern: str, chance: random.Random) -> str | None:
    """A text that a pattern matches; None where it is not Python's, or none was found."""
    try:
        tree = parser.parse(pattern)
        for _ in range(5):
            text = "".join(_drawn(tree, chance))
            if re.search(pattern, text) and _is_unicode(text):
                return text
    except (re.error, KeyError, RecursionError, OverflowError):
        pass
    return None


def _is_unicode(text: str) -> bool:
    return text.encode("utf-8", "ignore").decode() == text


def _drawn(tree: Any, chance: random.Random) -> list[str]:  # noqa: ANN401 - untyped
    return [_piece(op, argument, chance) for op, argument in tree]


def _piece(op: Any, argument: Any, chance: random.Random) -> str:  # noqa: ANN401
    match str(op):
        case "LITERAL":
            return chr(argument)
        case "NOT_LITERAL":
            return "b" if argument == ord("a") else "a"
        case "ANY":
            return chance.choice("ab-0")
        case "IN":
            return _one_of(argument, chance)
        case "BRANCH":
            return "".join(_drawn(chance.choice(argument[1]), chance))
        case "SUBPATTERN":
            return "".join(_drawn(argument[-1], chance))
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, inner = argument
            count = chance.randint(least, min(most, least + _MORE))
            return "".join("".join(_drawn(inner, chance)) for _ in range(count))
        case _:  # anchors, and what looks around
            return ""


def _one_of(choices: Any, chance: random.Random) -> str:  # noqa: ANN401
    if choices[0][0] is codes.NEGATE:
        refused = {_piece_of(each, chance) for each in choices[1:]}
        return next(char for char in "b7 Q~xé" if char not in refused)
    return _piece_of(chance.choice(choices), chance)


def _piece_of(each: Any, chance: random.Random) -> str:  # noqa: ANN401
    op, argument = each
    match str(op):
        case "RANGE":
            return chr(chance.randint(argument[0], min(argument[1], argument[0] + 60)))
        case "CATEGORY":
            return chance.choice(_CATEGORIES.get(str(argument).removeprefix("CATEGORY_"), "-"))
        case _:
            return chr(argument)
