"""Pictures and sounds at a real server, with OpenAI's client: a model and a projector of random
weights, whose answers mean nothing and differ from picture to picture."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from openai import BadRequestError, OpenAI

from tests.media import files
from tests.media.pictures import picture, sound
from tests.running import RunningServer, start_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import RandomModel, RandomProjector

QUICK: dict[str, Any] = {"max_tokens": 8, "temperature": 0, "extra_body": {"ignore_eos": True}}
A, B = picture(1), picture(2, 60, 90)


@pytest.fixture(scope="module")
def seeing(random_model: RandomModel, random_projector: RandomProjector) -> Iterator[RunningServer]:
    running = start_server(
        *(str(random_model("llama")), "--mmproj", str(random_projector("omni"))),
        *("--threads", "1", "--slots", "2", "--media-hosts", "localhost"),
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def client(seeing: RunningServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=seeing.base_url, api_key="none", max_retries=0) as client:
        yield client


def image(data: bytes) -> Any:
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64(data)}"}}


def audio(data: bytes) -> Any:
    return {"type": "input_audio", "input_audio": {"data": b64(data), "format": "wav"}}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def user(*parts: Any) -> Any:
    given = [{"type": "text", "text": part} if isinstance(part, str) else part for part in parts]
    return {"role": "user", "content": given}


def ask(client: OpenAI, *messages: Any, **fields: Any) -> Any:
    return client.chat.completions.create(model="", messages=list(messages), **QUICK | fields)


def text(answer: Any) -> str:
    return answer.choices[0].message.content


def refusal(client: OpenAI, *messages: Any, **fields: Any) -> Any:
    with pytest.raises(BadRequestError) as refused:
        ask(client, *messages, **fields)
    return refused.value


def test_what_is_said_depends_on_the_picture_and_it_is_counted(client: OpenAI) -> None:
    first, other = (ask(client, user("What is it?", image(each))) for each in (A, B))
    assert text(first) != text(other)
    again = ask(client, user("What is it?", image(A)))
    assert text(again) == text(first)
    assert again.usage.prompt_tokens == first.usage.prompt_tokens
    details = again.usage.prompt_tokens_details
    assert details.cached_tokens == again.usage.prompt_tokens - 1
    plain = ask(client, user("What is it?"))
    assert details.image_tokens > 0
    assert again.usage.prompt_tokens >= plain.usage.prompt_tokens + details.image_tokens
    assert plain.usage.prompt_tokens_details.image_tokens == 0


def test_a_sound_is_heard_and_counted(client: OpenAI) -> None:
    first, other = (ask(client, user("Listen.", audio(sound(each)))) for each in (1, 2))
    assert first.usage.prompt_tokens_details.audio_tokens > 0
    assert first.usage.prompt_tokens_details.image_tokens == 0
    assert other.usage.prompt_tokens == first.usage.prompt_tokens
    both = ask(client, user(audio(sound(1)), "and", image(A), "?"))
    assert both.usage.prompt_tokens_details.audio_tokens
    assert both.usage.prompt_tokens_details.image_tokens


def test_a_conversation_about_a_picture_reads_only_what_is_new(client: OpenAI) -> None:
    messages = [user("Look at this.", image(A)), {"role": "assistant", "content": "I see."}]
    first = ask(client, *messages, user("What colour has it?"))
    answer = {"role": "assistant", "content": text(first)}
    follow = ask(
        client, *messages, user("What colour has it?"), answer, user("And this?", image(B))
    )
    read = follow.usage.prompt_tokens - follow.usage.prompt_tokens_details.cached_tokens
    images = follow.usage.prompt_tokens_details.image_tokens
    assert images == 2 * first.usage.prompt_tokens_details.image_tokens
    assert read < follow.usage.prompt_tokens - images / 2


def test_beside_every_other_field(client: OpenAI) -> None:
    question = user("What is it?", image(A))
    whole = text(ask(client, question))
    choices = ask(client, question, n=2, logprobs=True).choices
    assert [each.message.content for each in choices] == [whole, whole]
    with client.chat.completions.create(model="", messages=[question], stream=True, **QUICK) as got:
        assert "".join(chunk.choices[0].delta.content or "" for chunk in got) == whole
    schema = {"type": "object", "properties": {"seen": {"enum": ["cat", "dog"]}}}
    schema |= {"required": ["seen"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}
    answer = ask(client, question, response_format=form, max_tokens=40)
    assert json.loads(text(answer))["seen"] in ("cat", "dog")
    function = {"name": "tell", "parameters": schema}
    tools = [{"type": "function", "function": function}]
    answer = ask(client, question, tools=tools, tool_choice="required", max_tokens=80)
    call = answer.choices[0].message.tool_calls[0].function
    assert json.loads(call.arguments)["seen"] in ("cat", "dog")
    ids = ask(client, question, extra_body={"return_token_ids": True}).prompt_token_ids
    assert ids.count(-1) > 16


def test_several_requests_at_once(seeing: RunningServer) -> None:
    """Two with pictures beside two without, which end as they do alone."""
    with OpenAI(base_url=seeing.base_url, api_key="none", max_retries=0) as client:
        asks = [user("What is it?", image(A)), user("Hello"), user(image(B), "?"), user("Who?")]
        alone = [text(ask(client, each)) for each in asks]
        with ThreadPoolExecutor(4) as threads:
            together = list(threads.map(lambda each: text(ask(client, each)), asks * 2))
    assert len(together) == 8
    assert all(together)
    assert together[0] == together[4] or alone[0] in together


@pytest.mark.parametrize("name", ["PNG", "JPEG", "GIF", "BMP"])
def test_every_format(client: OpenAI, name: str) -> None:
    answer = ask(client, user("What is it?", image(files.PICTURES[name](32, 24))))
    assert answer.usage.prompt_tokens_details.image_tokens > 0


@pytest.mark.parametrize("name", ["WAV", "MP3", "FLAC"])
def test_every_format_of_sounds(client: OpenAI, name: str) -> None:
    answer = ask(client, user("Listen.", audio(files.SOUNDS[name]())))
    assert answer.usage.prompt_tokens_details.audio_tokens > 0


def png(colour: int, raw: bytes, width: int = 4, height: int = 4) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(raw)), (b"IEND", b""))
    return files.PNG_START + b"".join(files.chunk(*each) for each in chunks)


@pytest.mark.parametrize(
    "data",
    [
        png(3, bytes(20)),  # no palette
        png(2, b"\x09" * 52),  # no such filter
        files.gif(raster=b"\xff" * 20),
    ],
)
def test_a_picture_that_does_not_decode_is_refused_and_others_go_on(
    client: OpenAI, data: bytes
) -> None:
    error = refusal(client, user("What is it?", image(data)))
    assert error.code == "invalid_request"
    assert "damaged" in error.message
    assert text(ask(client, user("Hello")))


def test_a_picture_that_decodes_in_part_is_taken_and_others_go_on(client: OpenAI) -> None:
    data = files.jpeg(64, 64)
    broken = data.replace(b"\x00\x00\x00", b"\xff\xff\xff", 1)[:-2] + b"\xff\xd9"
    assert text(ask(client, user("What is it?", image(broken))))
    assert text(ask(client, user("Hello")))


def test_more_than_the_context_holds(client: OpenAI) -> None:
    error = refusal(client, user(*[image(picture(each)) for each in range(16)], "x " * 2000))
    assert error.code == "context_length_exceeded"


def test_no_host_of_this_machine_is_asked(client: OpenAI) -> None:
    given = {"type": "image_url", "image_url": {"url": "http://localhost/a.png"}}
    error = refusal(client, user("What?", given))
    assert (error.code, error.param) == ("unsupported", "messages[0].content[1].image_url")
    assert "not a public one" in error.message


def test_a_text_model_says_that_it_is_one(server: RunningServer) -> None:
    with OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        error = refusal(client, user("What is it?", image(A)))
    assert (error.code, error.param) == ("unsupported", "messages[0].content[1].image_url")
    assert "This model takes text only." in error.message


def test_transcriptions(client: OpenAI) -> None:
    create = client.audio.transcriptions.create
    file = ("speech.wav", sound(1))
    limits: Any = {"extra_body": {"max_tokens": "12"}}
    whole = create(model="", file=file, language="en", **limits)
    assert whole.usage.type == "tokens"
    assert whole.usage.input_token_details.audio_tokens > 0
    assert 1 <= whole.usage.output_tokens <= 12
    plain: Any = create(model="", file=file, language="en", response_format="text", **limits)
    assert plain == whole.text
    stream = create(model="", file=file, language="en", stream=True, **limits)
    *deltas, done = list(stream)
    assert done.type == "transcript.text.done"
    assert "".join(each.delta for each in deltas) == done.text == whole.text
    with pytest.raises(BadRequestError, match="and not when"):
        create(model="", file=file, response_format="srt")
    with pytest.raises(BadRequestError, match="The sound is PNG"):
        create(model="", file=("a.png", A))
