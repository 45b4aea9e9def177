"""An object's members in the order of its schema, as rules of a grammar.

For notations in which the grammar's compiler cannot write the object itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.calls.lark import repeated
from colonnade.prompt.calls.texts import anywhere

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from colonnade.prompt.calls.lark import Rules
    from colonnade.prompt.calls.looks import Looks
    from colonnade.prompt.calls.variants import Schema, Variant

_MOST_PATTERNS = 5
"""Patterns of names in one object: each doubles the ways in which they may match."""
_MOST_STATES = 20_000


@dataclass(frozen=True, slots=True)
class Member:
    """A named member, or for a ``name`` of None any number of others.

    The names of those ``matching`` all match, and ``missing`` they do not; nor are they among the
    ``others``.
    """

    name: str | None
    schema: Schema
    required: bool = False
    others: tuple[str, ...] = ()
    matching: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Members:
    """The members of an object, and the bounds on their number."""

    listed: tuple[Member, ...]
    least: int = 0
    most: int | None = None


def members(
    variant: Variant, possible: Callable[[Schema], bool], looks: Looks, param: str
) -> Members | None:
    """The members of an object's variant in the schema's order, None where no object is meant.

    ``possible`` tells whether a schema allows any value, and ``looks`` what patterns match.

    Raises:
        Failure: it has too many patterns of names.
    """
    parts = variant.parts
    names = dict.fromkeys(name for part in parts for name in part.get("properties") or ())
    required = dict.fromkeys(name for part in parts for name in part.get("required") or ())
    listed: list[Member] = []
    for name in {**names, **required}:
        schema = _all(each for part in parts for each in _said(part, name, looks))
        if possible(schema):
            listed.append(Member(name, schema, name in required))
        elif name in required:
            return None
    known = tuple({**names, **required})
    others = _others(parts, known, param)
    listed += [member for member in others if possible(member.schema)]
    least = max((int(part.get("minProperties", 0)) for part in parts), default=0)
    bounds = [int(part["maxProperties"]) for part in parts if "maxProperties" in part]
    return Members(tuple(listed), least, min(bounds, default=None))


def _all(schemas: Iterator[Any]) -> Schema:
    """All of some schemas as one."""
    found = [schema for schema in schemas if schema is not True and schema != {}]
    if any(schema is False for schema in found):
        return False
    return found[0] if len(found) == 1 else tuple(found)


def _said(part: Mapping[str, Any], name: str, looks: Looks) -> Iterator[Any]:
    """What a schema says of a member by its name. Of a pattern that may match it or not, both
    ways hold."""
    properties, patterns = part.get("properties") or {}, part.get("patternProperties") or {}
    matching = {pattern: looks.matches(pattern, name) for pattern in patterns}
    if name in properties:
        yield properties[name]
    yield from (patterns[pattern] for pattern, found in matching.items() if found is not False)
    if name not in properties and True not in matching.values():
        yield part.get("additionalProperties", True)


def _others(
    parts: Sequence[Mapping[str, Any]], known: tuple[str, ...], param: str
) -> Iterator[Member]:
    """Members of other names: a way for each set of patterns that a name may match."""
    patterns = list(dict.fromkeys(p for part in parts for p in part.get("patternProperties") or ()))
    if len(patterns) > _MOST_PATTERNS:
        msg = f"An object has more than {_MOST_PATTERNS} patterns of names: in this model's call "
        msg += "format that cannot be held to."
        raise Failure(FailureKind.INVALID_REQUEST, msg, param=param)
    for choice in product((True, False), repeat=len(patterns)):
        matching = {p for p, chosen in zip(patterns, choice, strict=True) if chosen}
        schema = _all(each for part in parts for each in _of_pattern(part, matching))
        if schema is not False:
            hits = tuple(anywhere(p, param) for p in patterns if p in matching)
            rest = tuple(anywhere(p, param) for p in patterns if p not in matching)
            yield Member(None, schema, others=known, matching=hits, missing=rest)


def _of_pattern(part: Mapping[str, Any], matching: set[str]) -> Iterator[Any]:
    patterns = part.get("patternProperties") or {}
    found = [schema for pattern, schema in patterns.items() if pattern in matching]
    return iter(found or [part.get("additionalProperties", True)])


def sequence(
    found: Members, write: Callable[[Member], str], rules: Rules, separator: str, param: str
) -> str:
    """An expression for members in order, those that are not required left out or not.

    ``write`` gives a member's expression.

    Raises:
        Failure: so many members, and so wide bounds on their number, are too much.
    """
    named = [(member, write(member)) for member in found.listed if member.name is not None]
    others = " | ".join(write(member) for member in found.listed if member.name is None)
    other = rules.rule("other", others) if others else ""
    joint = f'"{separator}" ' if separator else ""
    required = sum(member.required for member, _ in named)
    if found.most is not None or found.least > required:
        bound = found.least if found.most is None else found.most
        if len(named) * (bound + 1) > _MOST_STATES:
            msg = "The bounds on the number of an object's members are too wide for this model's "
            msg += "call format."
            raise Failure(FailureKind.INVALID_REQUEST, msg, param=param)
        return _Counted(named, other, joint, found, rules).whole()
    rest = f"({joint}{other})*" if other else ""
    first = f"({other} {rest})?" if other else ""
    for member, written in reversed(named):
        begun = f"{written} {rest}".strip()
        if not joint:
            rest = rules.rule("rest", begun if member.required else f"({written})? {rest}".strip())
            continue
        first = begun if member.required else " | ".join(filter(None, [begun, first or '""']))
        first = rules.rule("first", first)
        again = f"{joint}{written}" if member.required else f"({joint}{written})?"
        rest = rules.rule("rest", f"{again} {rest}".strip())
    return (first if joint else rest) or '""'


class _Counted:
    """Members whose number is bounded: a rule for each place and each number of members before."""

    def __init__(
        self,
        named: list[tuple[Member, str]],
        other: str,
        joint: str,
        found: Members,
        rules: Rules,
    ) -> None:
        self._named = named
        self._other = other
        self._joint = joint
        self._least, self._most = found.least, found.most
        self._rules = rules
        self._known: dict[tuple[int, int], str | None] = {}

    def whole(self) -> str:
        """All members."""
        return self._rest(0, 0) or self._rules.nothing()

    def _rest(self, place: int, count: int) -> str | None:
        """What may follow at a place behind so many members, None where nothing fits."""
        for at in range(len(self._named), place - 1, -1):  # from the end: no deep recursion
            for so_far in range(min(at, self._cap) + 1):
                if (at, so_far) not in self._known:
                    self._known[at, so_far] = self._made(at, so_far)
        return self._known[place, count]

    @property
    def _cap(self) -> int:
        """The most members that are told apart."""
        return self._least if self._most is None else self._most

    def _made(self, place: int, count: int) -> str | None:
        joint = self._joint if count else ""
        if place == len(self._named):
            return self._tail(count, joint)
        member, written = self._named[place]
        ways: list[str] = []
        if self._most is None or count < self._most:
            more = self._known[place + 1, min(count + 1, self._cap)]
            if more is not None:
                ways.append(f"{joint}{written} {more}")
        if not member.required and (skipped := self._known[place + 1, count]) is not None:
            ways.append(skipped)
        return self._rules.rule("rest", " | ".join(ways)) if ways else None

    def _tail(self, count: int, joint: str) -> str | None:
        least = max(0, self._least - count)
        if not self._other:
            return None if least else '""'
        most = None if self._most is None else self._most - count
        again = f"({self._joint}{self._other})"
        if joint or not self._joint:
            return repeated(again, least, most) or '""'
        if most == 0:
            return '""'
        more = repeated(again, max(0, least - 1), None if most is None else most - 1)
        begun = f"{self._other} {more}".strip()
        return begun if least else f"({begun})?"
