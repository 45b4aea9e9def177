"""The messages of a chat request.

Fields that are not named here (``cache_control``, ``annotations``, ``status`` ...) are left out:
clients send many, and templates know only these.
"""

from typing import Any

from msgspec import Struct


class TextPart(Struct, tag_field="type", tag="text"):
    """Text."""

    text: str


class RefusalPart(Struct, tag_field="type", tag="refusal"):
    """A refusal that the model gave earlier."""

    refusal: str


class Url(Struct):
    """A ``data:`` URL in base64, or one of http(s) on a host that the operator lists; base64 alone
    is taken too, as llama-server takes it."""

    url: str
    detail: str | None = None
    """Of a picture. Accepted and ignored: the model reads all of it, at its own resolution."""


class ImagePart(Struct, tag_field="type", tag="image_url"):
    """A picture. Some clients send the URL as it is."""

    image_url: Url | str


class InputImagePart(Struct, tag_field="type", tag="input_image"):
    """A picture, as the Responses API and vLLM write it."""

    image_url: Url | str


class Sound(Struct):
    """A sound in base64, or behind a URL, as llama-server has it."""

    data: str | None = None
    url: str | None = None
    format: str | None = None
    """Accepted and ignored: the file tells itself what it is."""


class AudioPart(Struct, tag_field="type", tag="input_audio"):
    """A sound."""

    input_audio: Sound


class AudioUrlPart(Struct, tag_field="type", tag="audio_url"):
    """A sound, as vLLM writes it."""

    audio_url: Url | str


class VideoPart(Struct, tag_field="type", tag="video_url"):
    """Known, so that it can be refused by name."""


class InputVideoPart(Struct, tag_field="type", tag="input_video"):
    """Known, so that it can be refused by name."""


class FilePart(Struct, tag_field="type", tag="file"):
    """Known, so that it can be refused by name."""


MediaContent = ImagePart | InputImagePart | AudioPart | AudioUrlPart
Part = TextPart | RefusalPart | MediaContent | VideoPart | InputVideoPart | FilePart
Content = str | list[Part]


class FunctionCall(Struct, kw_only=True):
    """A call as the model wrote it. OpenAI's ``arguments`` is JSON text; objects are taken too."""

    name: str
    arguments: str | dict[str, Any] | list[Any] | None = ""


class CustomCall(Struct, kw_only=True):
    """A call of a tool that takes free text."""

    name: str
    input: str = ""


class ToolCall(Struct, kw_only=True, omit_defaults=True):
    """One tool call of an earlier answer."""

    id: str | None = None
    type: str = "function"
    function: FunctionCall | None = None
    custom: CustomCall | None = None


class SystemMessage(Struct, tag_field="role", tag="system", kw_only=True, omit_defaults=True):
    """Instructions."""

    content: Content
    name: str | None = None


class DeveloperMessage(Struct, tag_field="role", tag="developer", kw_only=True, omit_defaults=True):
    """Instructions, in the newer models' word."""

    content: Content
    name: str | None = None


class UserMessage(Struct, tag_field="role", tag="user", kw_only=True, omit_defaults=True):
    """What the user says."""

    content: Content
    name: str | None = None


class AssistantMessage(Struct, tag_field="role", tag="assistant", kw_only=True, omit_defaults=True):
    """An earlier answer, with the thoughts before it under any of the names that are in use."""

    content: Content | None = None
    name: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    thinking: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: FunctionCall | None = None
    audio: dict[str, Any] | None = None


class ToolMessage(Struct, tag_field="role", tag="tool", kw_only=True, omit_defaults=True):
    """What a tool returned."""

    content: Content | None = None
    tool_call_id: str | None = None
    name: str | None = None


class FunctionMessage(Struct, tag_field="role", tag="function", kw_only=True, omit_defaults=True):
    """What a function returned, in the oldest form."""

    content: Content | None = None
    name: str


Message = (
    SystemMessage
    | DeveloperMessage
    | UserMessage
    | AssistantMessage
    | ToolMessage
    | FunctionMessage
)
