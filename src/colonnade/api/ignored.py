"""Which fields of a body nobody knows here, told in the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.api.listing import string_list
from colonnade.web.body import unknown_fields

if TYPE_CHECKING:
    import msgspec

HEADER = "x-colonnade-ignored"


def ignored_headers(body: bytes, known: type[msgspec.Struct]) -> dict[str, str]:
    """A header that lists the names that are not among the fields of ``known``; none where all
    are. ``body`` has been decoded as that."""
    unknown = unknown_fields(body, known)
    return {HEADER: string_list(unknown)} if unknown else {}
