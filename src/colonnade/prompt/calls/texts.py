"""The strings of a schema as regular expressions: for notations that write them without JSON.

All are of the whole text, in the syntax of Rust's ``regex``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.calls.lark import literal_regex
from colonnade.prompt.calls.text_formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colonnade.prompt.calls.looks import Looks
    from colonnade.prompt.calls.variants import Variant

ANY = "(?s:.*)"
_MOST_BRANCHES = 256
_GROUP = re.compile(r"\((?:\?:|\?P?<\w+>)?")
_QUANTIFIERS = "*+?{"


def conditions(variant: Variant, param: str) -> list[str]:
    """Expressions that all hold for the strings of a variant; none where it allows every string.

    Raises:
        Failure: a pattern has an anchor where no expression can have one.
    """
    found: list[str] = []
    if variant.values is not None:
        found.append(f"(?:{'|'.join(literal_regex(value) for value in variant.values)})")
    for part in variant.parts:
        least, most = int(part.get("minLength", 0)), part.get("maxLength")
        if least or most is not None:
            found.append(f"(?s:.{{{least},{'' if most is None else int(most)}}})")
        if isinstance(pattern := part.get("pattern"), str):
            found.append(anywhere(pattern, param))
        found += FORMATS.get(str(part.get("format")), ())
    return list(dict.fromkeys(found))


def settled(variant: Variant, looks: Looks) -> Variant | None:
    """Strings without those listed ones that do not satisfy all parts; None where nothing is left,
    as far as that is known."""
    if variant.values is None:
        return None if looks.is_nothing(variant.parts) else variant
    values = looks.values(variant.values, variant.parts)
    return replace(variant, values=values) if values else None


def anywhere(pattern: str, param: str) -> str:
    """Make a pattern that may match anywhere one that matches the whole text.

    Raises:
        Failure: it has an anchor in its middle.
    """
    ways: list[str] = []
    for branch in _unfolded(pattern, param):
        begins, ends = branch.startswith("^"), _ends(branch)
        core = branch[1 if begins else 0 : len(branch) - 1 if ends else len(branch)]
        if any(char in "^$" for _, char in _plain(core)):
            msg = f"The pattern {pattern[:60]!r} has an anchor in its middle."
            raise Failure(FailureKind.INVALID_REQUEST, msg, param=param)
        ways.append(f"{'' if begins else ANY}(?:{core}){'' if ends else ANY}")
    return ways[0] if len(ways) == 1 else f"(?:{'|'.join(ways)})"


def _ends(branch: str) -> bool:
    """Whether a branch ends with an anchor."""
    return any(at == len(branch) - 1 and char == "$" for at, char in _plain(branch))


def _unfolded(pattern: str, param: str) -> list[str]:
    """The branches of a pattern, with those that a group at either end has on their own where that
    group has anchors."""
    waiting, found = _branches(pattern)[::-1], []
    while waiting:
        branch = waiting.pop()
        pieces = _first_group(branch) or _last_group(branch)
        if pieces is None:
            found.append(branch)
        else:
            before, inner, after = pieces
            waiting += [f"{before}{each}{after}" for each in _branches(inner)[::-1]]
        if len(waiting) + len(found) > _MOST_BRANCHES:
            msg = f"The pattern {pattern[:60]!r} has too many branches with anchors."
            raise Failure(FailureKind.INVALID_REQUEST, msg, param=param)
    return found


def _first_group(branch: str) -> tuple[str, str, str] | None:
    start = 1 if branch.startswith("^") else 0
    opening = _GROUP.match(branch, start)
    return None if opening is None else _anchored(branch, opening, "^$")


def _last_group(branch: str) -> tuple[str, str, str] | None:
    tops = [at for at, char in _plain(branch, deep=False) if char == "("]
    opening = _GROUP.match(branch, tops[-1]) if tops else None
    found = None if opening is None else _anchored(branch, opening, "$")
    return found if found is not None and found[2] in ("", "$") else None


def _anchored(branch: str, opening: re.Match[str], anchors: str) -> tuple[str, str, str] | None:
    """What stands before, in and behind a group that has anchors and occurs once."""
    depth, end = 0, None
    for at, char in _plain(branch):
        if at < opening.start() or char not in "()":
            continue
        depth += 1 if char == "(" else -1
        if depth == 0:
            end = at
            break
    if end is None or branch[end + 1 : end + 2] in tuple(_QUANTIFIERS):
        return None
    inner = branch[opening.end() : end]
    if not any(char in anchors for _, char in _plain(inner)):
        return None
    return branch[: opening.start()], inner, branch[end + 1 :]


def _branches(pattern: str) -> list[str]:
    """Cut a pattern at the bars that stand in no group."""
    cuts = [at for at, char in _plain(pattern, deep=False) if char == "|"]
    starts, ends = [0, *(at + 1 for at in cuts)], [*cuts, len(pattern)]
    return [pattern[a:b] for a, b in zip(starts, ends, strict=True)]


def _plain(pattern: str, *, deep: bool = True) -> Iterator[tuple[int, str]]:
    """The characters that stand in no class and behind no backslash, and where; unless ``deep``,
    those of the groups are left out, but for the brackets of the outermost."""
    at, depth = 0, 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 2
            continue
        if char == "[":
            at = _class_end(pattern, at)
            continue
        depth -= char == ")"
        if deep or depth == 0:
            yield at, char
        depth += char == "("
        at += 1


def _class_end(pattern: str, at: int) -> int:
    """Where the pattern goes on behind a class of characters; Rust's may hold others."""
    depth = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
        elif char == "[":
            depth += 1
        elif char == "]":
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return at
