"""A schema inside a grammar."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPTIONS = {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False}
"""llguidance's: the separators that models are trained on, and no white space beside."""


_INDENTED = {"whitespace_flexible": True, "whitespace_pattern": "\n {0,64}| "}
"""The options for JSON that may be spread over lines: white space has a bound."""


def embed(schema: Mapping[str, Any] | bool, *, indented: bool = False) -> str:
    """The JSON text that stands behind ``%json`` in llguidance's Lark."""
    if isinstance(schema, bool):
        schema = {} if schema else {"enum": []}
    options = _INDENTED if indented else _OPTIONS
    return json.dumps({**schema, "x-guidance": options}, ensure_ascii=False)
