"""``/v1/audio/transcriptions``: the answer, whole and in pieces. The request is a form."""

from msgspec import Struct


class InputTokensDetails(Struct):
    """What the prompt's tokens were."""

    audio_tokens: int
    text_tokens: int


class TranscriptionUsage(Struct, tag_field="type", tag="tokens"):
    """Tokens of the whole request."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_token_details: InputTokensDetails


class Transcription(Struct):
    """What was said."""

    text: str
    usage: TranscriptionUsage


class TextDeltaEvent(Struct, tag_field="type", tag="transcript.text.delta"):
    """More of it."""

    delta: str


class TextDoneEvent(Struct, tag_field="type", tag="transcript.text.done"):
    """All of it."""

    text: str
    usage: TranscriptionUsage
