"""Which fields of a body nobody knows here, told in the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from colonnade.api.listing import string_list

if TYPE_CHECKING:
    from colonnade.api.schema.requests import GenerationFields

HEADER = "x-colonnade-ignored"

_keys = msgspec.json.Decoder(dict[str, msgspec.Raw])
"""Looks at the names alone, and skips the values."""


def ignored_headers(body: bytes, known: type[GenerationFields]) -> dict[str, str]:
    """A header that lists the names that are not among the fields of ``known``; none where all
    are. ``body`` has been decoded as that."""
    unknown = sorted(_keys.decode(body).keys() - set(known.__struct_fields__))
    return {HEADER: string_list(unknown)} if unknown else {}
