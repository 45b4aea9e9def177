"""Who can reach a server, and at which addresses."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from typing import TYPE_CHECKING

from colonnade.cli.errors import CommandError
from colonnade.cli.sockets import url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from colonnade.cli.doors import Door
    from colonnade.settings import ServerSettings
    from colonnade.web.access import Access

_ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses for documentation (RFC 5737, RFC 3849): nobody is there, and nothing is sent."""


def is_open(sockets: Iterable[socket.socket]) -> bool:
    """Whether other machines can reach one of these sockets: by what it is bound to, for a name may
    stand for anything."""
    return any(not _is_loopback(each.getsockname()[0]) for each in sockets)


def check_reach(
    doors: Iterable[Door], server: ServerSettings, access: Access, *, older_form: bool
) -> None:
    """Keep a server that asks for no keys to this machine.

    Raises:
        CommandError: others could reach it, and nothing says that they may.
    """
    if access.keys or server.allow_anyone or older_form:
        return
    if any(is_open(door.sockets) for door in doors):
        msg = (
            f"with --host {server.host} others can reach the server, and there are no keys: "
            "--api-key or --api-key-file asks for one, --allow-anyone does without"
        )
        raise CommandError(msg)


def outside_urls(sockets: Iterable[socket.socket]) -> list[str]:
    """Where other machines reach what is bound to every address of this one."""
    found: list[str] = []
    for each in sockets:
        if ipaddress.ip_address(each.getsockname()[0]).is_unspecified:
            found += [url(own, [each]) for own in _own_address(each.family)]
    return found


def _own_address(family: socket.AddressFamily) -> list[str]:
    """The address of this machine towards others; none where no way leads to them."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect((_ELSEWHERE[family], 9))
        own: str = probe.getsockname()[0]
        return [] if _is_loopback(own) else [own]
    return []


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback
