"""Request bodies with an example that works, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from litestar.enums import RequestEncodingType
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg


def json_body(**example: Any) -> BodyKwarg:  # noqa: ANN401 - any JSON
    """Says of a route's ``data`` that it is JSON, for instance this."""
    return BodyKwarg(media_type=RequestEncodingType.JSON, examples=[Example(value=example)])
