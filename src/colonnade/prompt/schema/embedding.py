"""A schema inside a grammar."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPTIONS = {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False}
"""llguidance's: the separators that models are trained on, and no white space beside."""


def embed(schema: Mapping[str, Any] | bool) -> str:
    """The JSON text that stands behind ``%json`` in llguidance's Lark."""
    if isinstance(schema, bool):
        schema = {} if schema else {"enum": []}
    return json.dumps({**schema, "x-guidance": _OPTIONS}, ensure_ascii=False)
