"""The fields of a request for a transcription."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from colonnade.messages import Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.web.multipart import Form

Number = TypeVar("Number", int, float)

_TIMES = "Models here write what was said, and not when."
_SPEAKERS = "Models here write what was said, and not who said it."
_REFUSED: dict[str, str] = {
    "timestamp_granularities": _TIMES,
    "include": "Log probabilities of a transcription are not reported.",
    "chunking_strategy": "A sound is transcribed as a whole.",
    "known_speaker_names": _SPEAKERS,
    "known_speaker_references": _SPEAKERS,
    "keywords": "A 'prompt' can hold words to expect.",
    "languages": "One 'language' can be told.",
}
"""By name, which may end in ``[]``, as forms write lists."""
_FORMATS: dict[str, str] = {
    "srt": _TIMES,
    "vtt": _TIMES,
    "verbose_json": _TIMES,
    "diarized_json": _SPEAKERS,
}
_TEXTS = ("model", "language", "prompt", "response_format", "temperature", "stream", "max_tokens")
FIELDS: Final = ("file", *_TEXTS, *_REFUSED)
_LONGEST_LANGUAGE = 64


@dataclass(frozen=True, slots=True)
class TranscriptionForm:
    """A request for a transcription."""

    file: bytes
    model: str
    language: str = ""
    prompt: str = ""
    as_text: bool = False
    """The answer is plain text, not JSON."""
    temperature: float = 0.0
    stream: bool = False
    max_tokens: int | None = None


def transcription_form(form: Form) -> TranscriptionForm:
    """Read a form.

    Raises:
        Failure: a field is missing or wrong, or asks for what cannot be had.
    """
    for name in form.names:
        if (why := _REFUSED.get(name.removesuffix("[]"))) and form.has_text(name):
            raise Failure(FailureKind.UNSUPPORTED, why, param=name.removesuffix("[]"))
    texts = {name: form.text(name) or "" for name in _TEXTS}
    if len(texts["language"]) > _LONGEST_LANGUAGE:
        raise _wrong("language", f"a text of at most {_LONGEST_LANGUAGE} characters")
    return TranscriptionForm(
        file=form.file("file"),
        model=texts["model"],
        language=texts["language"],
        prompt=texts["prompt"],
        as_text=_as_text(texts["response_format"]),
        temperature=_temperature(texts["temperature"]),
        stream=_stream(texts["stream"]),
        max_tokens=_max_tokens(texts["max_tokens"]),
    )


def _as_text(given: str) -> bool:
    if why := _FORMATS.get(given):
        raise Failure(FailureKind.UNSUPPORTED, why, param="response_format")
    if given not in ("", "json", "text"):
        raise _wrong("response_format", "'json' or 'text'")
    return given == "text"


def _temperature(given: str) -> float:
    value = _number("temperature", given or "0", float, "a number from 0 to 2")
    if not 0 <= value <= 2:
        raise _wrong("temperature", "a number from 0 to 2")
    return value


def _max_tokens(given: str) -> int | None:
    if not given:
        return None
    value = _number("max_tokens", given, int, "a whole number, 1 or more")
    if not 1 <= value < 2**31:
        raise _wrong("max_tokens", "a whole number, 1 or more")
    return value


def _stream(given: str) -> bool:
    if given.lower() not in ("", "true", "false", "1", "0"):
        raise _wrong("stream", "'true' or 'false'")
    return given.lower() in ("true", "1")


def _number(name: str, given: str, kind: Callable[[str], Number], expected: str) -> Number:
    try:
        return kind(given)
    except ValueError as error:
        raise _wrong(name, expected) from error


def _wrong(name: str, expected: str) -> Failure:
    return Failure(
        FailureKind.INVALID_REQUEST, f"{name!r} is wrong: expected {expected}.", param=name
    )
