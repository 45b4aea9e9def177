"""The refused fields as the OpenAPI document has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar.openapi.spec import Schema

from colonnade.api.fields.declared import FIELDS
from colonnade.api.fields.row import Standing

if TYPE_CHECKING:
    from colonnade.api.fields.row import Endpoint


def refused_schemas(endpoint: Endpoint) -> dict[str, Schema]:
    """A schema for each field that the endpoint refuses: the values that ask for nothing."""
    return {
        field.name: Schema(enum=[*field.neutral, None], description=field.note)
        for field in FIELDS
        if field.standing is Standing.REFUSED and endpoint in field.endpoints
    }
