"""Which addresses anybody on the Internet may be asked at, and which belong to a network of one's
own."""

from __future__ import annotations

import ipaddress
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All that is given out of IPv6."""
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""NAT64 (RFC 6052): the last 32 bits are an address of IPv4."""
_OWN = frozenset({ipaddress.IPv4Address("168.63.129.16")})
"""Public by its number, and yet a machine's own host: Azure's."""


def is_public(address: Address) -> bool:
    """Whether an address is one of the public Internet's.

    Not so are those of this machine and of private networks, of one link, of many (multicast),
    those that are reserved, and those of IPv6 in which such a one of IPv4 is written.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and address not in _OWN
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    if address in _TRANSLATED:
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    inner = address.sixtofour
    if inner is not None and not is_public(inner):
        return False
    return address in _UNICAST and address.is_global
