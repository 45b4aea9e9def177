"""From schemas as clients write them to schemas that the compiler takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colonnade.prompt.schema.limits import SchemaLimits, check_limits

if TYPE_CHECKING:
    from collections.abc import Mapping


def prepare_schema(
    schema: Mapping[str, Any] | bool, *, param: str, limits: SchemaLimits | None = None
) -> dict[str, Any] | bool:
    """Make a schema ready.

    Raises:
        Failure: it is too large or too deep.
    """
    check_limits(schema, limits or SchemaLimits(), param)
    return schema if isinstance(schema, bool) else dict(schema)
