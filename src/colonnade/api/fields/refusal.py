"""Refuses the fields that cannot be honoured, by the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.api.fields.declared import FIELDS
from colonnade.api.fields.row import Standing
from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from colonnade.api.fields.row import Endpoint
    from colonnade.api.schema.embeddings import TextFields
    from colonnade.api.schema.requests import GenerationFields


def refuse_fields(request: GenerationFields | TextFields, endpoint: Endpoint) -> None:
    """Refuse a request with a field that asks for what this server cannot do.

    Raises:
        Failure: there is one.
    """
    for field in _REFUSED[endpoint]:
        value = getattr(request, field.name)
        if value is not None and not any(_same(value, each) for each in field.neutral):
            raise Failure(FailureKind.UNSUPPORTED, field.note, param=field.name)


def _same(value: object, neutral: object) -> bool:
    """Whether they are the same JSON: to Python, false is 0, too."""
    return value == neutral and isinstance(value, bool) == isinstance(neutral, bool)


_REFUSED = {
    endpoint: tuple(
        field
        for field in FIELDS
        if field.standing is Standing.REFUSED and endpoint in field.endpoints
    )
    for endpoint in {each for field in FIELDS for each in field.endpoints}
}
