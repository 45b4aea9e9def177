"""An object's members in the order of its schema, as rules of a grammar.

For notations in which the grammar's compiler cannot write the object itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colonnade.messages import Failure, FailureKind
from colonnade.prompt.calls.kinds import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from colonnade.prompt.calls.lark import Rules

_REFUSED = (
    "not",
    "if",
    "dependentSchemas",
    "dependentRequired",
    "dependencies",
    "propertyNames",
)
_UTTERABLE = re.compile(r"""[^\s"'\\<>(){}\[\],=`:|｜]+""")
_MAX_DEPTH = 16


@dataclass(frozen=True, slots=True)
class Member:
    """A parameter. ``name`` is None for any but the ``others``."""

    name: str | None
    schema: Any
    required: bool = False
    others: tuple[str, ...] = ()


def members(schema: Mapping[str, Any], param: str, *, ordered: bool = False) -> list[list[Member]]:
    """The members of an object: alternatives, each in the schema's order or the alphabet's.

    Raises:
        Failure: the schema says of the object what a list of its members cannot.
    """
    found = [_listed(plain, param) for plain in _alternatives(schema, schema, param, 0)]
    if not ordered:
        return found
    return [sorted(each, key=lambda m: (m.name is None, (m.name or "").lower())) for each in found]


def sequence(
    found: list[Member], write: Callable[[Member], str], rules: Rules, separator: str
) -> str:
    """An expression for members in order, those that are not required left out or not."""
    joint = f'"{separator}" ' if separator else ""
    rest, first = "", ""
    for member in reversed(found):
        written = write(member)
        more = f"{joint}{written}"
        if member.name is None:
            rest = f"({more})*"
            first = f"({written} {rest})?"
            continue
        begun = f"{written} {rest}".strip()
        first = begun if member.required else " | ".join(filter(None, [begun, first or '""']))
        first = rules.rule("first", first) if joint else ""
        again = more if member.required else f"({more})?"
        rest = rules.rule("rest", f"{again} {rest}".strip())
    return (first if joint else rest) or '""'


def _alternatives(
    schema: Any,  # noqa: ANN401 - schemas are JSON
    root: Any,  # noqa: ANN401
    param: str,
    depth: int,
) -> Iterator[dict[str, Any]]:
    """Take ``allOf``, ``anyOf`` and references apart."""
    plain = resolve(schema, root)
    if isinstance(plain, bool) or depth > _MAX_DEPTH:
        yield {}
        return
    for word in ("allOf", "anyOf", "oneOf"):
        branches = plain.get(word)
        if not isinstance(branches, list):
            continue
        rest = {key: value for key, value in plain.items() if key != word}
        if word == "allOf":
            for branch in branches:
                target = resolve(branch, root)
                rest = _joined(rest, target if isinstance(target, dict) else {})
            yield from _alternatives(rest, root, param, depth + 1)
            return
        for branch in branches:
            target = resolve(branch, root)
            joined = _joined(rest, target if isinstance(target, dict) else {})
            yield from _alternatives(joined, root, param, depth + 1)
        return
    for word in _REFUSED:
        if word in plain:
            msg = f"The keyword {word!r} of an object cannot be held to in this call format."
            raise Failure(FailureKind.UNSUPPORTED, msg, param=param)
    yield plain


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Both schemas at once; of a property that both describe, both descriptions hold."""
    properties = dict(one.get("properties", {}))
    for name, schema in other.get("properties", {}).items():
        known = properties.get(name)
        properties[name] = schema if known in (None, schema, True) else {"allOf": [known, schema]}
    required = [*dict.fromkeys([*one.get("required", []), *other.get("required", [])])]
    joined = {**one, **other, "properties": properties, "required": required}
    if False in (one.get("additionalProperties"), other.get("additionalProperties")):
        joined["additionalProperties"] = False
    return joined


def _listed(schema: Mapping[str, Any], param: str) -> list[Member]:
    properties = schema.get("properties", {})
    required = set(schema.get("required", ()))
    listed: list[Member] = []
    for name in [*properties, *sorted(required - properties.keys())]:
        if _UTTERABLE.fullmatch(name):
            value = properties.get(name, schema.get("additionalProperties", True))
            listed.append(Member(name, value, name in required))
        elif name in required:
            msg = f"The argument {name!r} cannot be written in this call format."
            raise Failure(FailureKind.UNSUPPORTED, msg, param=param)
    free = schema.get("additionalProperties")
    if isinstance(free, dict) or free is True:
        names = tuple(properties)
        listed.append(Member(None, free, others=names))
    return _bounded(listed, schema)


def _bounded(listed: list[Member], schema: Mapping[str, Any]) -> list[Member]:
    """Hold to the bounds on the number of members: require the first, leave out the last."""
    least, most = schema.get("minProperties", 0), schema.get("maxProperties")
    if most is not None:
        optional = [member for member in listed if not member.required]
        spare = max(0, most - (len(listed) - len(optional)))
        left_out = {id(member) for member in optional if member.name is None}
        left_out |= {id(member) for member in optional[spare:]}
        listed = [member for member in listed if id(member) not in left_out]
    missing = least - sum(member.required for member in listed)
    bounded: list[Member] = []
    for member in listed:
        if missing > 0 and member.name is not None and not member.required:
            bounded.append(Member(member.name, member.schema, required=True))
            missing -= 1
        else:
            bounded.append(member)
    return bounded
