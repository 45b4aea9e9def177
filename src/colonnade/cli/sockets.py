"""Where the server listens: taken before the model is loaded, so that a busy port costs no time."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

from colonnade.cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterable

_BACKLOG = 2048
_UNSENT = 1 << 17
"""Bytes that the system keeps for a client that does not take them (Linux: twice as many). It would
let them grow to megabytes for each: an answer would be written, and its slot held, for nobody."""
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - shown, not listened on


def bind(host: str, port: int) -> list[socket.socket]:
    """Take the port on every address of the host; port 0 takes any that is free.

    Raises:
        CommandError: there is no such address here, or another process has the port.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        msg = f"{host!r} is no address of this machine"
        raise CommandError(msg) from error
    sockets: list[socket.socket] = []
    failure: OSError | None = None
    for family, _, _, _, address in dict.fromkeys(found):
        # The first address chooses the port that the others must take too.
        port = sockets[0].getsockname()[1] if sockets else port
        try:
            sockets.append(_bound(family, (address[0], port, *address[2:])))
        except OSError as error:
            failure = error
            if error.errno == errno.EADDRINUSE:
                break
    if failure and (not sockets or failure.errno == errno.EADDRINUSE):
        for each in sockets:
            each.close()
        raise CommandError(_reason(failure, host, port)) from failure
    return sockets


def listen(sockets: Iterable[socket.socket]) -> None:
    """Let clients connect from now on.

    Raises:
        CommandError: another process began to listen on the port in the meantime.
    """
    for each in sockets:
        host, port = each.getsockname()[:2]
        try:
            each.listen(_BACKLOG)
        except OSError as error:
            raise CommandError(_reason(error, host, port)) from error


def url(host: str, sockets: list[socket.socket]) -> str:
    """Write the address for a client on this machine."""
    host = _ANY.get(host, host)
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{sockets[0].getsockname()[1]}"


def _bound(family: int, address: tuple[object, ...]) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNSENT)
        if family == socket.AF_INET6:
            # Or the IPv6 socket takes the IPv4 port too, which may have a socket of its own.
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def _reason(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken by another process; choose one with --port"
    return f"cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}"
