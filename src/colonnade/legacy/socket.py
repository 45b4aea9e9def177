"""One WebSocket of the Gemma worker: requests come in one after the other, events go out."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from litestar.exceptions import WebSocketDisconnect
from msgspec import Struct

from colonnade.generation import ReasoningDelta, TextDelta
from colonnade.legacy.errors import TABLE, Service, text
from colonnade.legacy.execution import Execution, execution_turn
from colonnade.messages import Failure, FailureKind
from colonnade.watch import about
from colonnade.web.access import charge
from colonnade.web.body import BodyFailure, decode
from colonnade.web.disconnect import cancel
from colonnade.web.failures import told
from colonnade.web.observed import told_listeners

if TYPE_CHECKING:
    from litestar.connection import WebSocket

    from colonnade.generation import Event
    from colonnade.legacy.house import House

_AHEAD = 1024
"""Requests that may wait for their turn, and, as a multiple of the longest message, their size."""
_AHEAD_MESSAGES = 16

_GOING_AWAY, _POLICY, _RESTART = 1001, 1008, 1012
"""Close codes."""

_log = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder()


class SessionEvent(Struct, tag_field="type", tag="session"):
    """The first event of a request: its session."""

    session_id: str


class ReasoningEvent(Struct, tag_field="type", tag="reasoning"):
    """That work has begun; then more of a thinking model's thoughts."""

    content: str


class DeltaEvent(Struct, tag_field="type", tag="delta"):
    """More of the answer, for who asked for a stream."""

    content: str


class ResultEvent(Struct, tag_field="type", tag="result", kw_only=True):
    """The whole answer."""

    status: Literal["success"] = "success"
    content: str
    origin: Literal["local"] = "local"


class ErrorEvent(Struct, tag_field="type", tag="error"):
    """Why there is no answer. The connection stays open."""

    error: str
    code: str


SocketEvent = SessionEvent | ReasoningEvent | DeltaEvent | ResultEvent | ErrorEvent


class Conversation:
    """The life of one connection."""

    def __init__(self, socket: WebSocket[Any, Any, Any], house: House) -> None:
        self._socket = socket
        self._house = house
        self._requests: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._ahead = 0
        """Length of the requests that wait."""

    async def run(self) -> None:
        """Answer until the client goes away, or stays silent for too long."""
        await self._socket.accept()
        reading = asyncio.ensure_future(self._read())
        answering = asyncio.ensure_future(self._answer_all())
        try:
            await asyncio.wait((reading, answering), return_when=asyncio.FIRST_COMPLETED)
            if answering.done() and not reading.done():
                await self._socket.close(*answering.result())
            elif reading.done() and not reading.result():
                await self._socket.close(_POLICY, "too many requests are waiting")
        except WebSocketDisconnect:  # the client went away under an answer
            pass
        finally:
            await cancel(reading, answering)

    async def _read(self) -> bool:
        """Read requests until the client goes away, for only so is that seen. False: until it has
        sent too many."""
        most = _AHEAD_MESSAGES * self._house.settings.legacy.socket_message_size
        while True:
            message: Any = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return True
            text_ = message.get("text")
            request = message["bytes"] if text_ is None else text_
            self._ahead += len(request)
            if self._ahead > most or self._requests.qsize() >= _AHEAD:
                return False
            self._requests.put_nowait(request)

    async def _answer_all(self) -> tuple[int, str]:
        """Answer requests until none has come for too long, or the server stops; returns the close
        code and why. At a stop, the answer under way is finished, and those who wait are told."""
        finishing = asyncio.ensure_future(self._house.finishing.wait())
        try:
            while (request := await self._next(finishing)) is not None:
                self._ahead -= len(request)
                await self._answer(request)
        finally:
            await cancel(finishing)
        if self._house.finishing.is_set():
            return _RESTART, "the server is stopping"
        return _GOING_AWAY, "no request came for too long"

    async def _next(self, finishing: asyncio.Future[Literal[True]]) -> str | bytes | None:
        """The next request; None where there is none."""
        if not self._requests.empty():
            return self._requests.get_nowait()
        coming = asyncio.ensure_future(self._requests.get())
        try:
            await asyncio.wait(
                (coming, finishing),
                timeout=self._house.settings.legacy.socket_idle_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            return coming.result() if coming.done() else None
        finally:
            await cancel(coming)

    async def _answer(self, request: str | bytes) -> None:
        found = about.get()
        if found is not None:
            found = found.again()
            about.set(found)
        try:
            if self._house.finishing.is_set():
                msg = "The server is stopping."
                raise Failure(FailureKind.SHUTTING_DOWN, msg)
            charge(self._socket.scope)
            await self._execute(_parsed(request))
        except WebSocketDisconnect:
            raise
        except Exception as exc:  # noqa: BLE001 - told to the client and the log, whatever it is
            await self._send(_error(told(exc, self._socket.scope)))
        finally:
            if found is not None:
                told_listeners(found)

    async def _execute(self, request: Execution) -> None:
        await self._send(SessionEvent(request.session_id or str(uuid.uuid4())))
        await self._send(ReasoningEvent("Processing your request..."))
        generation = await self._house.generator.start(await execution_turn(request, self._house))
        answer: list[str] = []
        try:
            async for events in generation.batches():
                await self._pass_on(events, answer, stream=request.stream)
        finally:
            await generation.aclose()
        await self._send(ResultEvent(content="".join(answer)))

    async def _pass_on(self, events: list[Event], answer: list[str], *, stream: bool) -> None:
        """Send what is ready together as one event of each kind."""
        thought = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
        said = "".join(event.text for event in events if isinstance(event, TextDelta))
        answer.append(said)
        if thought:
            await self._send(ReasoningEvent(thought))
        if said and stream:
            await self._send(DeltaEvent(said))

    async def _send(self, event: SocketEvent) -> None:
        try:
            await self._socket.send_data((_encoder.encode(event) + b"\n").decode(), mode="text")
        except OSError as error:  # uvicorn's word for a client that is gone
            raise WebSocketDisconnect(detail="the client is gone") from error


def _parsed(request: str | bytes) -> Execution:
    if isinstance(request, bytes):
        msg = "A binary message came; requests are JSON text."
        raise BodyFailure(msg, no_json=True)
    parsed: Execution = decode(request, Execution, strict=False)
    return parsed


def _error(failure: Failure) -> ErrorEvent:
    if isinstance(failure, BodyFailure) and failure.no_json:
        return ErrorEvent(failure.message.replace("request body", "message"), "INVALID_JSON")
    return ErrorEvent(text(failure, Service.GEMMA), TABLE[failure.kind].code)
