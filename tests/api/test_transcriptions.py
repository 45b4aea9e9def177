"""``/v1/audio/transcriptions`` on a fake engine: what it asks of the model, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from colonnade.messages import MediaKind, TextPart
from tests.api.fakes import events, model_info
from tests.api.test_media import PNG, WAV, client, engine, media, part

if TYPE_CHECKING:
    import httpx

    from tests.api.fakes import FakeEngine

__all__ = ["client", "engine", "media"]

PATH = "/v1/audio/transcriptions"


async def said(client: httpx.AsyncClient, data: bytes = WAV, **fields: Any) -> httpx.Response:
    return await client.post(PATH, files={"file": ("a.wav", data)}, data=fields)


async def test_a_sound_is_asked_about_as_llama_server_asks(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    response = await said(client, model="fake/model", language="de")
    assert response.status_code == 200, response.text
    assert response.json() == {
        "text": "Hello",
        "usage": {
            "type": "tokens",
            "input_tokens": 7,
            "output_tokens": 3,
            "total_tokens": 10,
            "input_token_details": {"audio_tokens": 0, "text_tokens": 7},
        },
    }
    assert engine.last.prompt == (
        TextPart("<user>Transcribe audio to text (language: de)"),
        part(WAV, MediaKind.AUDIO),
    )
    assert engine.last.decoding.sampling.temperature == 0


async def test_a_prompt_takes_the_place_of_the_instruction(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    await said(client, prompt="Write it in verse.", temperature="0.5", max_tokens="9")
    assert engine.last.prompt[0] == TextPart("<user>Write it in verse.")
    assert engine.last.decoding.sampling.temperature == 0.5
    assert engine.last.decoding.max_tokens == 9


async def test_a_family_has_an_instruction_of_its_own(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    template = "<|tool_list_start|><|tool_list_end|>"
    engine.info = model_info(media=(MediaKind.AUDIO,), chat_templates={"default": template})
    await said(client)
    assert engine.last.prompt[0] == TextPart("<system>Perform ASR.<user>")


async def test_plain_text(client: httpx.AsyncClient) -> None:
    response = await said(client, response_format="text")
    assert response.headers["content-type"].startswith("text/plain")
    assert response.text == "Hello"


async def test_a_stream(client: httpx.AsyncClient) -> None:
    response = await said(client, stream="true")
    *deltas, done, end = events(response.text)
    assert {each["type"] for each in deltas} == {"transcript.text.delta"}
    assert "".join(each["delta"] for each in deltas) == done["text"] == "Hello"
    assert done["type"] == "transcript.text.done"
    assert done["usage"]["output_tokens"] == 3
    assert end == "[DONE]"


async def test_unknown_fields_are_listed(client: httpx.AsyncClient) -> None:
    response = await said(client, colour="red")
    assert response.headers["x-colonnade-ignored"] == '"colour"'


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        *(
            ({"response_format": each}, "unsupported", "response_format")
            for each in ("srt", "vtt", "verbose_json", "diarized_json")
        ),
        ({"response_format": "xml"}, "invalid_request", "response_format"),
        ({"timestamp_granularities[]": "word"}, "unsupported", "timestamp_granularities"),
        ({"include[]": "logprobs"}, "unsupported", "include"),
        ({"chunking_strategy": "auto"}, "unsupported", "chunking_strategy"),
        ({"known_speaker_names[]": "Ann"}, "unsupported", "known_speaker_names"),
        ({"temperature": "hot"}, "invalid_request", "temperature"),
        ({"temperature": "nan"}, "invalid_request", "temperature"),
        ({"temperature": "3"}, "invalid_request", "temperature"),
        ({"max_tokens": "0"}, "invalid_request", "max_tokens"),
        ({"stream": "maybe"}, "invalid_request", "stream"),
        ({"language": "x" * 65}, "invalid_request", "language"),
    ],
)
async def test_fields_that_are_refused(
    client: httpx.AsyncClient, engine: FakeEngine, fields: Any, code: str, param: str
) -> None:
    response = await said(client, **fields)
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert not engine.submitted


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "The sound is empty."),
        (PNG, "The sound is PNG, which is not read here; formats of a sound are WAV, MP3, FLAC."),
        (b"hello", "The sound is none that is known here"),
        (WAV[:-1], "The sound is cut off"),
        (bytes(100_001), "more bytes than are taken here (100,000"),
    ],
)
async def test_files_that_are_refused(client: httpx.AsyncClient, data: bytes, words: str) -> None:
    response = await said(client, data)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["param"] == "file"
    assert words in error["message"]


async def test_what_is_no_form_and_what_has_no_file(client: httpx.AsyncClient) -> None:
    response = await client.post(PATH, json={"file": "x"})
    assert response.status_code == 415
    response = await client.post(PATH, files={"other": ("a.wav", WAV)})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "file")
    response = await said(client, bytes(1_100_000))
    assert response.status_code == 413


async def test_a_model_without_ears(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    engine.info = model_info(media=(MediaKind.IMAGE,))
    response = await said(client)
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "This model takes no audio input."
    assert (await said(client, model="nobody's")).status_code == 404
