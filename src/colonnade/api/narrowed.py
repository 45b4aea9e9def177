"""What of a request's schemas could not be held to as a whole, told in the answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from colonnade.api.schema import accounts as wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colonnade.prompt.schema import Narrowing

HEADER = "x-colonnade-narrowed"
_LONGEST = 2000
"""Bytes of the header: proxies allow some thousands for all of a response's headers."""
_NOT_PLAIN = re.compile(r"[^ !#-\[\]-~]")


def wire_narrowings(narrowings: Sequence[Narrowing]) -> list[wire.Narrowing] | UnsetType:
    """The field beside ``timings``; left out where nothing was narrowed."""
    return [wire.Narrowing(**each._asdict()) for each in narrowings] or UNSET


def narrowed_headers(narrowings: Sequence[Narrowing]) -> dict[str, str]:
    """The same as a header: a list of strings (RFC 9651), one for each, ``place: what``.

    What is not printable ASCII is percent-encoded. Where all would be too long, the last entry
    says how many are left out.
    """
    entries: list[str] = []
    length = 0
    for number, each in enumerate(narrowings):
        entry = _quoted(f"{each.place}: {each.what}" if each.place else each.what)
        if length + len(entry) > _LONGEST:
            entries.append(f'"and {len(narrowings) - number} more"')
            break
        entries.append(entry)
        length += len(entry) + 2
    return {HEADER: ", ".join(entries)} if entries else {}


def _quoted(text: str) -> str:
    encoded = _NOT_PLAIN.sub(lambda found: _percent(found[0]), text)
    return f'"{encoded}"'


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
