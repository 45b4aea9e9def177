"""FlowGen: ``POST /load``, ``/chat``, ``/unload``."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency
from msgspec import UNSET, Meta, Struct, UnsetType

from colonnade.api.chat_turn import chat_turn
from colonnade.api.logprobs import CompletionLogprobsWriter
from colonnade.api.options import ApiOptions
from colonnade.api.schema.chat import ChatRequest
from colonnade.api.schema.completions import CompletionLogprobs
from colonnade.generation import Folded, Generation, ServedModel, TextDelta, Turn, Usage
from colonnade.legacy import chat_options, load_options
from colonnade.legacy.errors import ErrorText, Service, documented, text
from colonnade.legacy.house import House
from colonnade.legacy.loading import load
from colonnade.legacy.option_table import judge
from colonnade.legacy.written_calls import WrittenCall, written_calls
from colonnade.web.access import admins_only
from colonnade.web.body import LenientRequest, shape_failure
from colonnade.web.disconnect import unless_disconnected
from colonnade.web.examples import json_body
from colonnade.web.openapi import StreamOperation
from colonnade.web.sse import EventStream, frame

_DONE = b"data: [DONE]\n\n"


class LoadRequest(Struct, kw_only=True):
    """A model to load. ``tokenizer_name`` helps to find a chat template where the file has none."""

    model_path: Annotated[str, Meta(min_length=1, max_length=4096, examples=["/models/model.gguf"])]
    tokenizer_name: Annotated[str, Meta(max_length=256, examples=["LiquidAI/LFM2-350M"])]
    options: dict[str, Any] | None = None


class Loaded(Struct, kw_only=True):
    """That a model is loaded."""

    status: Literal["success"] = "success"
    message: str
    model: str
    n_ctx: int
    warnings: list[str]


class Unloaded(Struct, kw_only=True):
    """That no model is loaded any more."""

    status: Literal["success"] = "success"
    message: str


class FlowChat(Struct, kw_only=True):
    """The next message of a conversation, by the messages so far in OpenAI's form."""

    messages: Annotated[list[Any], Meta(min_length=1)]
    tools: list[Any] | None = None
    options: dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None


class Call(Struct):
    """A tool call; its arguments are an object."""

    name: str
    arguments: dict[str, Any]


class AnswerMessage(Struct):
    """The answer's text."""

    content: str
    role: Literal["assistant"] = "assistant"


class Choice(Struct, kw_only=True):
    """The one answer."""

    index: int = 0
    message: AnswerMessage
    finish_reason: Literal["stop", "length"]
    logprobs: CompletionLogprobs | UnsetType = UNSET


class Tokens(Struct):
    """How many tokens it took."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class FlowCompletion(Struct, kw_only=True):
    """The whole answer."""

    model: str
    choices: list[Choice]
    tool_calls: list[Call]
    usage: Tokens
    warnings: list[str] | UnsetType = UNSET


class ContentEvent(Struct):
    """More of the answer's text."""

    content: str


class CompletionEvent(Struct):
    """The whole answer, after its pieces."""

    completion: FlowCompletion


@dataclass(frozen=True)
class _Wish:
    """A request in the house's terms."""

    turn: Turn
    name: str
    suffix: str
    echo: bool
    logprobs: bool
    tools: frozenset[str] | None
    form: bool
    warnings: list[str]

    def answer(self, folded: Folded, usage: Usage, prompt: str) -> FlowCompletion:
        """The whole answer."""
        calls, said = self._calls(folded)
        head = prompt if self.echo else ""
        choice = Choice(
            message=AnswerMessage(head + said + self.suffix),
            finish_reason="length" if folded.reason.value == "length" else "stop",
        )
        if self.logprobs:
            choice.logprobs = CompletionLogprobsWriter().write(folded.tokens)
        total = usage.prompt_tokens + usage.completion_tokens
        return FlowCompletion(
            model=self.name,
            choices=[choice],
            tool_calls=[Call(call.name, call.arguments) for call in calls],
            usage=Tokens(usage.prompt_tokens, usage.completion_tokens, total),
            warnings=self.warnings or UNSET,
        )

    def _calls(self, folded: Folded) -> tuple[list[WrittenCall], str]:
        """The calls that the engine understood, or those that stand in the text."""
        if folded.calls or self.form:
            return [_understood(call.start.name, call.text) for call in folded.calls], folded.text
        return written_calls(folded.text, self.tools)


def _understood(name: str, arguments: str) -> WrittenCall:
    try:
        return WrittenCall(name, msgspec.json.decode(arguments, type=dict[str, Any]))
    except msgspec.DecodeError:  # cut off by max_tokens, or the input of a custom tool
        return WrittenCall(name, {"input": arguments})


def _wish(request: FlowChat, model: ServedModel) -> tuple[_Wish, bool]:
    """What a request asks for, and whether it is to be streamed."""
    judged = judge(chat_options.OPTIONS, request.options or {}, load_options.OPTIONS)
    options = chat_options.DEFAULTS | judged.values
    fields = {
        chat_options.NAMES.get(name, name): value
        for name, value in options.items()
        if name not in chat_options.OWN
    }
    fields["max_tokens"] = options["max_tokens"] if options["max_tokens"] > 0 else -1
    if "logprobs" in options:
        fields |= {"logprobs": True, "top_logprobs": options["logprobs"]}
    fields |= {"messages": request.messages, "tools": request.tools}
    fields["response_format"] = request.response_format
    try:
        chat = msgspec.convert(fields, ChatRequest, strict=False)
    except msgspec.ValidationError as error:
        raise shape_failure(str(error)) from error
    turn = chat_turn(chat, model, ApiOptions())
    names = frozenset((tool.get("function") or {}).get("name", "") for tool in request.tools or ())
    wish = _Wish(
        turn,
        options.get("model", model.id),
        options.get("suffix", ""),
        bool(options.get("echo")),
        "logprobs" in options,
        names if request.tools else None,
        turn.form is not None and request.response_format is not None,
        judged.warnings,
    )
    return wish, bool(options.get("stream"))


async def answer(request: FlowChat, http: Request[Any, Any, Any], house: House) -> Any:  # noqa: ANN401 - an answer, or a stream of one
    """Answer a conversation."""
    model = await unless_disconnected(http.receive, house.models.obtain(None))
    wish, stream = _wish(request, model)
    if stream:
        generation = await unless_disconnected(http.receive, house.generator.start(wish.turn))
        return EventStream(
            _frames(wish, generation),
            close=generation.aclose,
            keep_alive=house.settings.server.keep_alive_seconds,
            error=lambda failure: frame(ErrorText(text(failure, Service.FLOWGEN))),
            last=_DONE,
        )
    completed = await unless_disconnected(http.receive, house.generator.complete(wish.turn))
    return wish.answer(completed.first, completed.usage, completed.prompt_text)


async def _frames(wish: _Wish, generation: Generation) -> AsyncIterator[bytes]:
    folded = Folded()
    if wish.echo:
        yield frame(ContentEvent(generation.prompt_text))
    async for events in generation.batches():
        for event in events:
            folded.add(event)
        pieces = [each.text for each in events if isinstance(each, TextDelta) and each.text]
        yield b"".join(frame(ContentEvent(piece)) for piece in pieces)
    if wish.suffix:
        yield frame(ContentEvent(wish.suffix))
    whole = wish.answer(folded, generation.usage, generation.prompt_text)
    yield frame(CompletionEvent(whole))


@post(
    "/load",
    status_code=200,
    summary="Load a model",
    response_description="It is loaded.",
    responses=documented(Service.FLOWGEN, 400, 403, 404),
    guards=[admins_only],
)
async def load_model(
    data: Annotated[
        LoadRequest,
        json_body(model_path="demo", tokenizer_name="any", options={"n_ctx": 1024}),
    ],
    house: NamedDependency[House],
) -> Loaded:
    """Load a model in the place of the one that is served, which serves on until then."""
    model, warnings = await load(data.model_path, data.tokenizer_name, data.options or {}, house)
    message = f"Model loaded in {model.load_seconds:.1f} s"
    n_ctx = model.engine.info.ctx_size
    return Loaded(message=message, model=model.id, n_ctx=n_ctx, warnings=warnings)


@post(
    "/unload",
    status_code=200,
    response_description="None is loaded now.",
    summary="Unload the model",
    responses=documented(Service.FLOWGEN, 403),
    guards=[admins_only],
)
async def unload_model(house: NamedDependency[House]) -> Unloaded:
    """End the model's worker, and give its memory back. Requests under way fail."""
    model = await house.registry.forget()
    return Unloaded(message="No model was loaded" if model is None else "Model unloaded")


@post(
    "/chat",
    status_code=200,
    summary="Chat with tools and forms",
    response_description="The answer, whole or, with `stream`, in events.",
    operation_class=StreamOperation,
    responses=documented(Service.FLOWGEN, 400, 429, 500, 503),
)
async def chat(
    data: Annotated[
        FlowChat,
        json_body(messages=[{"role": "user", "content": "Hello!"}], options={"max_tokens": 50}),
    ],
    request: LenientRequest,
    house: NamedDependency[House],
) -> Response[FlowCompletion]:
    """Answer a conversation."""
    answered = await answer(data, request, house)
    return answered if isinstance(answered, Response) else Response(answered)


ROUTES = (load_model, unload_model)
OWN_ROUTES = (chat,)
"""Those that the main port has in a form of its own."""
