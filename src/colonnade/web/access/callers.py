"""Who asks."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from litestar.connection import ASGIConnection
    from litestar.handlers import BaseRouteHandler
    from litestar.types import Scope

_STATE = "caller"
_KEY = "key:"
_SUBNET = 64
"""Bits of an IPv6 address that a provider gives to one customer, who chooses the others freely."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request."""

    name: str
    """The name of their key; empty without one."""
    address: str
    """Their address; a proxy's client's where the proxy is trusted; empty where there is none."""
    admin: bool
    """Whether they may steer the server. Where there are no keys, everybody may."""

    @property
    def client(self) -> str:
        """What fairness and limits count by: the key's name, or the address (IPv6: its /64)."""
        return f"{_KEY}{self.name}" if self.name else _counted(self.address)


def caller_of(scope: Scope) -> Caller:
    """Who sent a request. There is one behind the layers of ``Access``, which is everywhere."""
    caller: Caller = scope["state"][_STATE]
    return caller


def remember(scope: Scope, caller: Caller) -> None:
    """Note who sent a request."""
    scope.setdefault("state", {})[_STATE] = caller


async def admins_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard for routes that steer the server, or show what others do with it. Not in a thread.

    Raises:
        Failure: the caller is no administrator.
    """
    if not caller_of(connection.scope).admin:
        msg = f"{connection.scope['path']} is for keys of administrators."
        raise Failure(FailureKind.FORBIDDEN, msg)


def _counted(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:  # a proxy said so, of whatever its client had told it
        return f"[{address}]" if address.startswith(_KEY) else address
    if ip.version == 4:
        return address
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((int(ip), _SUBNET), strict=False))
