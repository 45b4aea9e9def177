"""What some properties of an object bring along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MOST_EXACT = 6
"""Dependencies that are followed both ways; each doubles the ways."""


def dependent(
    wanted: Mapping[str, Any], schema: Mapping[str, Any], narrow: Callable[[str], None]
) -> list[Any]:
    """Schemas for what some properties bring along: other properties, or a schema.

    Many of them are narrowed, which ``narrow`` is told: what they bring along has to be there.
    """
    required = schema.get("required")
    present = set(required) if isinstance(required, list) else set()
    found: list[Any] = []
    open_ones = sum(1 for name in wanted if name not in present)
    for name, brought in wanted.items():
        needs = {"required": [name, *brought]} if isinstance(brought, list) else brought
        if isinstance(brought, list) and present.issuperset(brought):
            continue
        if name in present:
            found.append(needs)
        elif open_ones > _MOST_EXACT and isinstance(brought, list):
            narrow(f"objects without {', '.join(brought)[:100]}")
            found.append({"required": brought})
        else:
            with_it = (
                needs if isinstance(brought, list) else {"allOf": [{"required": [name]}, needs]}
            )
            found.append({"anyOf": [{"properties": {name: False}}, with_it]})
    return found
