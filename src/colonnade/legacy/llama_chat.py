"""LLaMA chat: ``POST /chat`` and ``/chat/stream``; ``session_routes`` has the rest of it."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Meta, Struct

from colonnade.generation import Completed, Generation, TextDelta, Turn
from colonnade.legacy.errors import Service, documented, text
from colonnade.legacy.house import House
from colonnade.legacy.queries import query_operation, read_query
from colonnade.legacy.session_routes import SESSION_ROUTES, SessionId, sessions_of
from colonnade.legacy.turns import chat_turn
from colonnade.messages import Failure, FailureKind
from colonnade.sessions import Exchange, Sessions
from colonnade.web.body import LenientRequest
from colonnade.web.disconnect import unless_disconnected
from colonnade.web.examples import json_body
from colonnade.web.openapi import EventsOperation
from colonnade.web.sse import EventStream, frame

VERSION = "1.0.0"
"""Of the service that its clients know."""


class ChatMessage(Struct, kw_only=True):
    """What the user says, in a session or in a new one."""

    message: Annotated[str, Meta(examples=["Hello, how are you?"])]
    session_id: SessionId | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None


class ChatAnswer(Struct):
    """The answer. ``tokens_used`` counts prompt and answer."""

    response: str
    session_id: str
    tokens_used: int


class TokenEvent(Struct):
    """More of the answer."""

    token: str


class DoneEvent(Struct):
    """The answer is complete, and kept in its session."""

    done: bool
    session_id: str


class StreamError(Struct):
    """The answer failed under way."""

    error: str


class Info(Struct):
    """What the service is."""

    service: str
    version: str
    docs: str
    health: str


class Health(Struct):
    """Whether the model is loaded."""

    status: Literal["healthy", "unhealthy"]
    model_loaded: bool


Answer = TypeVar("Answer")

Message = Annotated[
    ChatMessage,
    json_body(message="Hello, how are you?", session_id="my-session", temperature=0.7),
]

_MessageInQuery = query_operation(ChatMessage, EventsOperation, message="Hello")

_ERRORS = documented(Service.LLAMA_CHAT, 400, 422, 429, 500, 503, 504, 507)

_TEMPERATURE, _TOP_P, _MAX_TOKENS = 0.7, 0.9, 512


@dataclass
class _Talk:
    """One message with its session, which nobody else can use meanwhile."""

    message: ChatMessage
    house: House
    sessions: Sessions
    session_id: str

    async def complete(self) -> Completed:
        """Generate the whole answer."""
        return await self._with_what_fits(self.house.generator.complete)

    async def start(self) -> Generation:
        """Begin to generate the answer."""
        return await self._with_what_fits(self.house.generator.start)

    async def _with_what_fits(self, generate: Callable[[Turn], Awaitable[Answer]]) -> Answer:
        """Leave out the oldest exchanges where the context does not hold all of them."""
        kept = self.house.settings.legacy.session_exchanges
        history = await self.sessions.history(self.session_id, kept)
        while True:
            try:
                return await generate(await self._turn(history))
            except Failure as failure:
                if failure.kind is not FailureKind.CONTEXT_LENGTH_EXCEEDED or not history:
                    raise
                history = history[1:]

    async def _turn(self, history: list[Exchange]) -> Turn:
        messages: list[dict[str, Any]] = []
        for exchange in history:
            messages += [
                {"role": "user", "content": exchange.user},
                {"role": "assistant", "content": exchange.assistant},
            ]
        messages.append({"role": "user", "content": self.message.message})
        wish = self.message
        return chat_turn(
            await self.house.models.obtain(None),
            messages,
            max_tokens=_MAX_TOKENS if wish.max_tokens is None else wish.max_tokens,
            temperature=_TEMPERATURE if wish.temperature is None else wish.temperature,
            top_p=_TOP_P if wish.top_p is None else wish.top_p,
        )

    async def keep(self, answer: str) -> None:
        """Put the exchange into the session."""
        await self.sessions.add(self.session_id, Exchange(self.message.message, answer))


async def _enter(
    message: ChatMessage, request: Request[Any, Any, Any], house: House, stack: AsyncExitStack
) -> _Talk:
    """Wait for the session's turn; the stack's end lets the next one in."""
    if not message.message.strip():
        raise HTTPException("Message cannot be empty", status_code=400)
    await house.models.obtain(None)  # without one, nothing is to wait for
    session_id = message.session_id or str(uuid.uuid4())
    sessions = await sessions_of(request, house)
    longest = house.settings.server.request_seconds or None
    try:
        async with asyncio.timeout(longest):
            await stack.enter_async_context(sessions.exclusive(session_id))
    except TimeoutError:
        msg = f"The session was in use for longer than {longest:g} seconds."
        raise Failure(FailureKind.TIMEOUT, msg) from None
    return _Talk(message, house, sessions, session_id)


async def answer(message: ChatMessage, request: Request[Any, Any, Any], house: House) -> ChatAnswer:
    """Answer a message and keep the exchange."""
    return await unless_disconnected(request.receive, _answer(message, request, house))


async def _answer(
    message: ChatMessage, request: Request[Any, Any, Any], house: House
) -> ChatAnswer:
    async with AsyncExitStack() as stack:
        talk = await _enter(message, request, house, stack)
        completed = await talk.complete()
        await talk.keep(completed.first.text)
        usage = completed.usage
        tokens = usage.prompt_tokens + usage.completion_tokens
        return ChatAnswer(completed.first.text, talk.session_id, tokens)


async def _stream(
    message: ChatMessage, request: Request[Any, Any, Any], house: House
) -> Response[Any]:
    stack = AsyncExitStack()
    try:
        beginning = _begin(message, request, house, stack)
        talk, generation = await unless_disconnected(request.receive, beginning)
    except BaseException:
        await stack.aclose()
        raise
    return EventStream(
        _frames(talk, generation),
        close=stack.aclose,
        keep_alive=house.settings.server.keep_alive_seconds,
        error=lambda failure: frame(StreamError(text(failure, Service.LLAMA_CHAT))),
    )


async def _begin(
    message: ChatMessage, request: Request[Any, Any, Any], house: House, stack: AsyncExitStack
) -> tuple[_Talk, Generation]:
    talk = await _enter(message, request, house, stack)
    generation = await talk.start()
    stack.push_async_callback(generation.aclose)
    return talk, generation


async def _frames(talk: _Talk, generation: Generation) -> AsyncIterator[bytes]:
    answer: list[str] = []
    async for events in generation.batches():
        pieces = [event.text for event in events if isinstance(event, TextDelta) and event.text]
        answer += pieces
        yield b"".join(frame(TokenEvent(piece)) for piece in pieces)
    await talk.keep("".join(answer))
    yield frame(DoneEvent(done=True, session_id=talk.session_id))


@post(
    "/chat",
    status_code=200,
    summary="Chat in a session",
    response_description="The answer.",
    responses=_ERRORS,
)
async def chat(data: Message, request: LenientRequest, house: NamedDependency[House]) -> ChatAnswer:
    """Answer a message, after what was said in its session before."""
    return await answer(data, request, house)


@post(
    "/chat/stream",
    status_code=200,
    summary="Chat in a session, streamed",
    response_description="The answer's tokens, and its end.",
    operation_class=EventsOperation,
    responses=_ERRORS,
)
async def chat_stream(
    data: Message, request: LenientRequest, house: NamedDependency[House]
) -> Response[Any]:
    """As ``/chat``, with the answer in server-sent events."""
    return await _stream(data, request, house)


@get(
    "/chat/stream",
    summary="Chat in a session, streamed to an EventSource",
    response_description="The answer's tokens, and its end.",
    operation_class=_MessageInQuery,
    responses=_ERRORS,
)
async def chat_event_source(
    request: Request[Any, Any, Any], house: NamedDependency[House]
) -> Response[Any]:
    """As the other one, its fields in the query: a browser's EventSource can only GET."""
    return await _stream(read_query(request, ChatMessage), request, house)


@get("/", response_description="The service.", summary="The service", sync_to_thread=False)
def info() -> Info:
    """What this is."""
    return Info("LLaMA Chat API", VERSION, "/docs", "/health")


@get(
    "/health",
    responses={503: ResponseSpec(Health, description="No model is loaded.")},
    response_description="A model is loaded.",
    summary="Health",
    sync_to_thread=False,
)
def health(house: NamedDependency[House]) -> Response[Health]:
    """200 when a model is loaded, 503 without."""
    if house.ready:
        return Response(Health("healthy", model_loaded=True))
    return Response(Health("unhealthy", model_loaded=False), status_code=503)


ROUTES = (chat_stream, chat_event_source, *SESSION_ROUTES)
OWN_ROUTES = (info, health, chat)
"""Those that the main port has in a form of its own."""
