"""LLaMA chat: ``POST /chat``, ``/chat/stream``, ``/chat/clear``, ``GET /sessions``."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.enums import ParamType
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIType, Parameter, Schema
from msgspec import Meta, Struct

from colonnade.generation import Completed, Generation, TextDelta, Turn
from colonnade.legacy.errors import Service, documented, text
from colonnade.legacy.house import House
from colonnade.legacy.turns import chat_turn
from colonnade.messages import Failure, FailureKind
from colonnade.sessions import Exchange, SessionStore
from colonnade.web.body import LenientRequest, shape_failure
from colonnade.web.disconnect import unless_disconnected
from colonnade.web.examples import json_body
from colonnade.web.openapi import EventsOperation, bounded
from colonnade.web.sse import EventStream, frame

VERSION = "1.0.0"
"""Of the service that its clients know."""

SessionId = Annotated[str, Meta(max_length=256)]


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


class SessionName(Struct):
    """One session."""

    session_id: SessionId


class Cleared(Struct):
    """That a session is forgotten."""

    status: Literal["cleared"]
    session_id: str


class Sessions(Struct):
    """The live sessions."""

    sessions: list[str]
    count: int


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

_ERRORS = documented(Service.LLAMA_CHAT, 400, 422, 429, 500, 503)

_TEMPERATURE, _TOP_P, _MAX_TOKENS = 0.7, 0.9, 512


@dataclass
class _QueryOperation(EventsOperation):
    """Describes the fields of a message as parts of the query."""

    def __post_init__(self) -> None:
        """Add them to what Litestar found."""
        super().__post_init__()
        kinds = {"message": "string", "session_id": "string", "max_tokens": "integer"}
        self.parameters = [
            Parameter(
                name=field.name,
                param_in=ParamType.QUERY,
                required=field.required,
                schema=bounded(
                    Schema(type=OpenAPIType(kinds.get(field.name, "number"))), field.type
                ),
                example="Hello" if field.required else None,
            )
            for field in msgspec.inspect.type_info(ChatMessage).fields  # type: ignore[attr-defined]
        ]


@dataclass
class _Talk:
    """One message with its session, which nobody else can use meanwhile."""

    message: ChatMessage
    house: House
    store: SessionStore
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
        history = await self.store.history(self.session_id, kept)
        while True:
            try:
                return await generate(self._turn(history))
            except Failure as failure:
                if failure.kind is not FailureKind.CONTEXT_LENGTH_EXCEEDED or not history:
                    raise
                history = history[1:]

    def _turn(self, history: list[Exchange]) -> Turn:
        messages: list[dict[str, Any]] = []
        for exchange in history:
            messages += [
                {"role": "user", "content": exchange.user},
                {"role": "assistant", "content": exchange.assistant},
            ]
        messages.append({"role": "user", "content": self.message.message})
        wish = self.message
        return chat_turn(
            self.house.models.find(None),
            messages,
            max_tokens=_MAX_TOKENS if wish.max_tokens is None else wish.max_tokens,
            temperature=_TEMPERATURE if wish.temperature is None else wish.temperature,
            top_p=_TOP_P if wish.top_p is None else wish.top_p,
        )

    async def keep(self, answer: str) -> None:
        """Put the exchange into the session."""
        await self.store.add(self.session_id, Exchange(self.message.message, answer))


async def _enter(message: ChatMessage, house: House, stack: AsyncExitStack) -> _Talk:
    """Wait for the session's turn; the stack's end lets the next one in."""
    if not message.message.strip():
        raise HTTPException("Message cannot be empty", status_code=400)
    house.models.find(None)  # without one, nothing is to wait for
    session_id = message.session_id or str(uuid.uuid4())
    store = await house.sessions.open()
    await stack.enter_async_context(store.exclusive(session_id))
    return _Talk(message, house, store, session_id)


async def answer(message: ChatMessage, request: Request[Any, Any, Any], house: House) -> ChatAnswer:
    """Answer a message and keep the exchange."""
    return await unless_disconnected(request.receive, _answer(message, house))


async def _answer(message: ChatMessage, house: House) -> ChatAnswer:
    async with AsyncExitStack() as stack:
        talk = await _enter(message, house, stack)
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
        talk, generation = await unless_disconnected(request.receive, _begin(message, house, stack))
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
    message: ChatMessage, house: House, stack: AsyncExitStack
) -> tuple[_Talk, Generation]:
    talk = await _enter(message, house, stack)
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
    operation_class=_QueryOperation,
    responses=_ERRORS,
)
async def chat_event_source(
    request: Request[Any, Any, Any], house: NamedDependency[House]
) -> Response[Any]:
    """As the other one, its fields in the query: a browser's EventSource can only GET."""
    try:
        message = msgspec.convert(dict(request.query_params), ChatMessage, strict=False)
    except msgspec.ValidationError as error:
        raise shape_failure(str(error)) from error
    return await _stream(message, request, house)


@post(
    "/chat/clear",
    status_code=200,
    summary="Forget a session",
    response_description="It is forgotten.",
    responses=documented(Service.LLAMA_CHAT, 400, 404, 422),
)
async def clear(
    data: Annotated[SessionName, json_body(session_id="my-session")], house: NamedDependency[House]
) -> Cleared:
    """Forget what was said in a session."""
    store = await house.sessions.open()
    async with store.exclusive(data.session_id):
        known = await store.clear(data.session_id)
    if not known:
        raise HTTPException("Session not found", status_code=404)
    return Cleared("cleared", data.session_id)


@get("/sessions", response_description="The ids.", summary="List the sessions")
async def sessions(house: NamedDependency[House]) -> Sessions:
    """The ids of the live sessions, the one used last first."""
    store = await house.sessions.open()
    live = await store.live()
    return Sessions(live, len(live))


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


ROUTES = (chat_stream, chat_event_source, clear, sessions)
OWN_ROUTES = (info, health, chat)
"""Those that the main port has in a form of its own."""
