"""A response of server-sent events, sent as they come.

Litestar's ``ServerSentEvent`` takes each event apart into lines and its ``Stream`` cannot say that
it is still alive; this response sends finished frames as they are, with a comment when there was
nothing for a while.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Response
from litestar.response.base import ASGIResponse

from colonnade.web.disconnect import cancel, disconnected
from colonnade.web.failures import told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from litestar import Litestar, Request
    from litestar.types import Receive, Scope, Send

    from colonnade.messages import Failure

_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
_KEEP_ALIVE = b": keep-alive\n\n"

_encoder = msgspec.json.Encoder()


def frame(event: msgspec.Struct) -> bytes:
    """One event as it goes over the wire: a ``data:`` line and no more, as most clients want it."""
    return b"data: " + _encoder.encode(event) + b"\n\n"


def named_frame(name: str, event: msgspec.Struct) -> bytes:
    """One event with a name, for clients that listen to several kinds."""
    return b"event: " + name.encode() + b"\n" + frame(event)


class EventStream(Response[Any]):
    """Sends what ``frames`` yields, then ``last``; where the frames fail, ``error`` in its place.

    ``close`` is awaited in the end, however that comes about: it frees what the frames come from.
    """

    def __init__(
        self,
        frames: AsyncIterator[bytes],
        *,
        close: Callable[[], Awaitable[None]],
        keep_alive: float,
        error: Callable[[Failure], bytes],
        last: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        all_headers = {**_HEADERS, **(headers or {})}
        super().__init__(None, media_type="text/event-stream", headers=all_headers, status_code=200)
        self._all_headers = all_headers
        self._frames = frames
        self._close = close
        self._keep_alive = keep_alive
        self._error = error
        self._last = last

    def to_asgi_response(
        self,
        app: Litestar | None,  # noqa: ARG002 - Litestar passes it
        request: Request[Any, Any, Any],
        **_: Any,  # noqa: ANN401 - headers and cookies of the layers above, of which there are none
    ) -> ASGIResponse:
        """The response proper."""
        return _ASGIEventStream(
            self._frames,
            self._close,
            self._keep_alive,
            request.scope,
            self._error,
            self._last,
            self._all_headers,
        )


class _ASGIEventStream(ASGIResponse):
    __slots__ = ("_close", "_error", "_frames", "_keep_alive", "_last", "_quiet_since", "_scope")

    _should_set_content_length = False

    def __init__(
        self,
        frames: AsyncIterator[bytes],
        close: Callable[[], Awaitable[None]],
        keep_alive: float,
        scope: Scope,
        error: Callable[[Failure], bytes],
        last: bytes,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(media_type="text/event-stream", headers=dict(headers))
        self._scope = scope
        self._frames = frames
        self._close = close
        self._keep_alive = keep_alive
        self._error = error
        self._last = last
        self._quiet_since: float | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._close()

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Send until the frames end or the client goes away, with comments into long silences."""
        self._quiet_since = asyncio.get_running_loop().time()
        pump = asyncio.ensure_future(self._pump(send))
        gone = asyncio.ensure_future(disconnected(receive))
        try:
            while not (pump.done() or gone.done()):
                await asyncio.wait(
                    (pump, gone),
                    timeout=self._until_keep_alive(),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not pump.done() and self._until_keep_alive() <= 0:
                    await self._send(send, _KEEP_ALIVE)
            if pump.done():
                pump.result()
        finally:
            await cancel(pump, gone)

    async def _pump(self, send: Send) -> None:
        last = self._last
        try:
            async for body in self._frames:
                await self._send(send, body)
        except Exception as exc:  # noqa: BLE001 - told to the client and the log, whatever it is
            last = self._error(told(exc, self._scope))
        await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _send(self, send: Send, body: bytes) -> None:
        # A send that waits for a slow client is no silence.
        self._quiet_since = None
        await send({"type": "http.response.body", "body": body, "more_body": True})
        self._quiet_since = asyncio.get_running_loop().time()

    def _until_keep_alive(self) -> float:
        if self._quiet_since is None:
            return self._keep_alive
        return self._quiet_since + self._keep_alive - asyncio.get_running_loop().time()
