"""Clients that have said all that they will say: do they still listen?

A client that closed its side of a connection (``nc -N``) and one that is gone look alike: both sent
FIN. But whoever is gone answers anything that is sent to it with a reset. So something without a
meaning is sent, and the system is asked for the state of the connection.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

_TCP_INFO: Final = getattr(socket, "TCP_INFO", None)
_CLOSED: Final = 7
"""The first byte of Linux's ``struct tcp_info`` where a reset has come (``TCP_CLOSE``)."""
_FIRST: Final = 0.002
_LONGEST: Final = 1.0

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
"""Clients of HTTP/1.1 read over it, whether they expect it or not (RFC 9110, 15.2)."""
COMMENT: Final = b"3\r\n:\n\n\r\n"
"""A chunk with an empty comment, between two events of a stream."""


def can_be_told() -> bool:
    """Whether this system tells."""
    return _TCP_INFO is not None


class Listening:
    """Looks, ever less often, whether the other side is still there; where not, ends the
    connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        self._loop = loop
        self._transport = transport
        self._pause = _FIRST
        loop.call_later(self._pause, self._look)

    def _look(self) -> None:
        if self._transport.is_closing():
            return
        connection = self._transport.get_extra_info("socket")
        if connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 1)[0] == _CLOSED:
            self._transport.abort()
            return
        self._pause = min(self._pause * 2, _LONGEST)
        self._loop.call_later(self._pause, self._look)
