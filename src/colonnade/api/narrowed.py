"""What of a request's schemas could not be held to as a whole, told in the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from colonnade.api.listing import string_list
from colonnade.api.schema import accounts as wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colonnade.prompt.schema import Narrowing

HEADER = "x-colonnade-narrowed"


def wire_narrowings(narrowings: Sequence[Narrowing]) -> list[wire.Narrowing] | UnsetType:
    """The field beside ``timings``; left out where nothing was narrowed."""
    return [wire.Narrowing(**each._asdict()) for each in narrowings] or UNSET


def narrowed_headers(narrowings: Sequence[Narrowing]) -> dict[str, str]:
    """The same as a header: a list of strings, one for each, ``place: what``."""
    entries = [f"{each.place}: {each.what}" if each.place else each.what for each in narrowings]
    return {HEADER: string_list(entries)} if entries else {}
