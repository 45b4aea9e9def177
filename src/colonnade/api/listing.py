"""Lists of strings in a response header (RFC 9651)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST = 2000
"""Bytes of a header: proxies allow some thousands for all of a response's headers."""
_NOT_PLAIN = re.compile(r"[^ !#-\[\]-~]")


def string_list(items: Sequence[str]) -> str:
    """The value of a header that lists strings.

    What is not printable ASCII is percent-encoded. Where all would be too long, the last entry
    says how many are left out.
    """
    entries: list[str] = []
    length = 0
    for number, item in enumerate(items):
        entry = _quoted(item)
        if length + len(entry) > _LONGEST:
            entries.append(f'"and {len(items) - number} more"')
            break
        entries.append(entry)
        length += len(entry) + 2
    return ", ".join(entries)


def _quoted(text: str) -> str:
    encoded = _NOT_PLAIN.sub(lambda found: _percent(found[0]), text)
    return f'"{encoded}"'


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
