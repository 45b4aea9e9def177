"""``POST /v1/audio/transcriptions``: a sound in, its words out.

The request becomes a chat turn, as llama-server has it: an instruction, and the sound behind it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.openapi.spec import (
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Reference,
    RequestBody,
    Schema,
)
from msgspec import structs

from colonnade.api.answer_stream import Opened, answer_stream
from colonnade.api.errors import ERROR_RESPONSES
from colonnade.api.ignored import HEADER
from colonnade.api.listing import string_list
from colonnade.api.media import check_kind, media_part
from colonnade.api.options import ApiOptions
from colonnade.api.schema.transcriptions import (
    InputTokensDetails,
    TextDeltaEvent,
    TextDoneEvent,
    Transcription,
    TranscriptionUsage,
)
from colonnade.api.transcription_form import FIELDS, TranscriptionForm, transcription_form
from colonnade.generation import (
    ChatPrompt,
    Completed,
    Generation,
    Generator,
    Models,
    ServedModel,
    TextDelta,
    Turn,
    Usage,
)
from colonnade.messages import Decoding, MediaKind, MediaPart
from colonnade.prompt.media import MediaPlace
from colonnade.web.access import charge_answers
from colonnade.web.disconnect import unless_disconnected
from colonnade.web.multipart import FormRequest
from colonnade.web.openapi import StreamOperation
from colonnade.web.sse import frame

_INSTRUCTION = "Transcribe audio to text"
_LFM2 = ("<|tool_list_start|>", "<|tool_list_end|>")
"""What the template of a family of models holds that has an instruction of its own."""
_LFM2_INSTRUCTION = "Perform ASR."


_TEXTS = ("model", "language", "prompt", "response_format")
_ANY = "application/octet-stream"


@dataclass
class _FormOperation(StreamOperation):
    """Describes the form, which Litestar does not read."""

    def __post_init__(self) -> None:
        """Add the fields, and the answer that is plain text."""
        super().__post_init__()
        answer = (self.responses or {}).get("200")
        if isinstance(answer, OpenAPIResponse) and answer.content:
            text = OpenAPIMediaType(Schema(type=OpenAPIType.STRING))
            answer.content = {**answer.content, "text/plain": text}
        kinds = dict.fromkeys(_TEXTS, OpenAPIType.STRING)
        kinds |= {"temperature": OpenAPIType.NUMBER, "stream": OpenAPIType.BOOLEAN}
        kinds |= {"max_tokens": OpenAPIType.INTEGER}
        fields: dict[str, Schema | Reference] = {
            name: Schema(type=kind) for name, kind in kinds.items()
        }
        fields["file"] = Schema(type=OpenAPIType.STRING, content_media_type=_ANY)
        form = Schema(type=OpenAPIType.OBJECT, properties=fields, required=["file"])
        media = {"multipart/form-data": OpenAPIMediaType(form)}
        self.request_body = RequestBody(media, required=True)


@post(
    "/audio/transcriptions",
    status_code=200,
    request_class=FormRequest,
    responses=ERROR_RESPONSES,
    response_description="What was said, as JSON or text or, with `stream`, in events.",
    operation_class=_FormOperation,
    summary="Transcription",
)
async def create_transcription(
    request: FormRequest,
    generator: NamedDependency[Generator],
    models: NamedDependency[Models],
    options: NamedDependency[ApiOptions],
) -> Response[Transcription | str]:
    """Write down what is said in a sound."""
    parts = await request.form_parts()
    form = transcription_form(parts)

    async def turn() -> Turn:
        model = await models.obtain(form.model)
        check_kind(MediaKind.AUDIO, model.engine.info.media, "file")
        charge_answers(request.scope, 1)
        work = asyncio.to_thread(media_part, MediaKind.AUDIO, form.file, "file", options.media)
        return _turn(form, model, await work)

    ignored = [name for name in parts.names if name.removesuffix("[]") not in FIELDS]
    headers = {HEADER: string_list(ignored)} if ignored else {}
    if form.stream:
        return await answer_stream(
            _open(generator, turn),
            at_once=models.is_here(form.model),
            keep_alive=options.keep_alive_seconds,
            headers=headers,
        )
    completed = await unless_disconnected(request.receive, _complete(generator, turn))
    text = completed.first.text
    if form.as_text:
        return Response(text, media_type="text/plain", headers=headers)
    return Response(Transcription(text, _usage(completed.usage)), headers=headers)


async def _open(generator: Generator, obtained: Callable[[], Awaitable[Turn]]) -> Opened:
    generation = await generator.start(await obtained())
    return Opened(_frames(generation), generation.aclose)


async def _complete(generator: Generator, obtained: Callable[[], Awaitable[Turn]]) -> Completed:
    return await generator.complete(await obtained())


def _turn(form: TranscriptionForm, model: ServedModel, sound: MediaPart) -> Turn:
    system, said = "", form.prompt or _INSTRUCTION
    if all(name in model.engine.info.chat_templates.get("default", "") for name in _LFM2):
        system, said = _LFM2_INSTRUCTION, form.prompt
    if form.language:
        said += f" (language: {form.language})"
    content = [{"type": "text", "text": said}, MediaPlace(0)]
    messages: list[dict[str, Any]] = [{"role": "user", "content": content if said else content[1:]}]
    if system:
        messages.insert(0, {"role": "system", "content": system})
    how = structs.replace(model.sampling, temperature=form.temperature)
    return Turn(
        form.model or None,
        ChatPrompt(tuple(messages), media=(sound,)),
        Decoding(sampling=how, max_tokens=form.max_tokens),
    )


async def _frames(generation: Generation) -> AsyncIterator[bytes]:
    """The events of a stream.

    Raises:
        Failure: the generation failed.
    """
    texts: list[str] = []
    async for events in generation.batches():
        new = "".join(event.text for event in events if isinstance(event, TextDelta))
        if new:
            texts.append(new)
            yield frame(TextDeltaEvent(new))
    yield frame(TextDoneEvent("".join(texts), _usage(generation.usage)))


def _usage(usage: Usage) -> TranscriptionUsage:
    return TranscriptionUsage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        input_token_details=InputTokensDetails(
            usage.audio_tokens, usage.prompt_tokens - usage.audio_tokens
        ),
    )
