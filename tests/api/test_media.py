"""Pictures and sounds in requests, up to the engine: what is taken, and what is refused by name."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from colonnade.api.media import MediaOptions
from colonnade.api.options import ApiOptions
from colonnade.app import create_app
from colonnade.generation import Generator, Models, ServedModel
from colonnade.messages import MediaKind, MediaPart, TextPart
from colonnade.prompt import ChatTemplate
from colonnade.web.access import Access
from colonnade.web.fetch import Fetcher, ListedHosts
from tests.api.fakes import FakeEngine, HereTemplate, events, model_info
from tests.media import files
from tests.web.test_fetch import Server, server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["server"]

PATH = "/v1/chat/completions"
BOTH = (MediaKind.IMAGE, MediaKind.AUDIO)
TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
PNG, WAV = files.png(), files.wav(0.1)
OPTIONS = MediaOptions(most_size=100_000, most_count=4)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(model_info(media=BOTH))


@pytest.fixture
def media() -> MediaOptions:
    return replace(OPTIONS)


@pytest.fixture
async def client(engine: FakeEngine, media: MediaOptions) -> AsyncIterator[httpx.AsyncClient]:
    models = Models()
    template = HereTemplate(ChatTemplate(TEMPLATE, name="fake"))
    models.add(ServedModel("fake/model", 1700000000, cast("Any", engine), template))
    options = ApiOptions(max_body_size=1_000_000, media=media)
    app = create_app(Generator(models), models, options, Access.for_anyone())
    transport = httpx.ASGITransport(cast("Any", app))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{b64(data)}"


def image(source: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": source}


def sound(**fields: Any) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": fields}


def user(*parts: Any) -> dict[str, Any]:
    given = [{"type": "text", "text": part} if isinstance(part, str) else part for part in parts]
    return {"role": "user", "content": given}


def part(data: bytes, kind: MediaKind) -> MediaPart:
    return MediaPart(kind, data, hashlib.sha256(data).hexdigest())


async def asked(client: httpx.AsyncClient, *messages: Any, **fields: Any) -> httpx.Response:
    return await client.post(PATH, json={"messages": list(messages)} | fields)


async def refusal(client: httpx.AsyncClient, *messages: Any) -> tuple[str, str, str]:
    response = await asked(client, *messages)
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    return error["code"], error["param"], error["message"]


@pytest.mark.parametrize(
    ("given", "kind", "data"),
    [
        (image({"url": url(PNG)}), MediaKind.IMAGE, PNG),
        (image({"url": url(PNG), "detail": "high"}), MediaKind.IMAGE, PNG),
        (image(url(PNG)), MediaKind.IMAGE, PNG),
        (image(url(PNG, "text/plain")), MediaKind.IMAGE, PNG),
        (image(b64(PNG)), MediaKind.IMAGE, PNG),
        ({"type": "input_image", "image_url": url(PNG)}, MediaKind.IMAGE, PNG),
        (sound(data=b64(WAV), format="wav"), MediaKind.AUDIO, WAV),
        (sound(data=b64(WAV), format="mp3"), MediaKind.AUDIO, WAV),
        (sound(data=url(WAV, "audio/wav")), MediaKind.AUDIO, WAV),
        (sound(url=url(WAV, "audio/wav")), MediaKind.AUDIO, WAV),
        ({"type": "audio_url", "audio_url": {"url": url(WAV)}}, MediaKind.AUDIO, WAV),
        ({"type": "audio_url", "audio_url": url(WAV)}, MediaKind.AUDIO, WAV),
    ],
)
async def test_each_form_that_clients_send(
    client: httpx.AsyncClient, engine: FakeEngine, given: Any, kind: MediaKind, data: bytes
) -> None:
    response = await asked(client, user("What is it?", given))
    assert response.status_code == 200, response.text
    assert engine.last.prompt == (TextPart("<user>What is it?"), part(data, kind))


async def test_several_in_any_place_and_message(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    second = files.jpeg()
    messages = [
        {"role": "system", "content": "Look."},
        user(image(url(PNG)), "and", image(url(second)), "differ"),
        {"role": "assistant", "content": "Yes."},
        user("And", sound(data=b64(WAV))),
    ]
    response = await asked(client, *messages, n=2)
    assert response.status_code == 200, response.text
    assert engine.last.prompt == (
        TextPart("<system>Look.<user>"),
        part(PNG, MediaKind.IMAGE),
        TextPart("and"),
        part(second, MediaKind.IMAGE),
        TextPart("differ<assistant>Yes.<user>And"),
        part(WAV, MediaKind.AUDIO),
    )


async def test_a_text_of_llama_server_s_marker_is_text(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    await asked(client, user("<__media__>", image(url(PNG)), "<__media__>"))
    texts = [each for each in engine.last.prompt if isinstance(each, TextPart)]
    assert texts == [TextPart("<user><__media__>"), TextPart("<__media__>")]


async def test_with_a_stream(client: httpx.AsyncClient, engine: FakeEngine) -> None:
    response = await asked(client, user("What?", image(url(PNG))), stream=True)
    assert events(response.text)[-1] == "[DONE]"
    assert part(PNG, MediaKind.IMAGE) in engine.last.prompt


PLACE = "messages[0].content[1].image_url"


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("", "invalid_request", "The picture is empty."),
        ("data:image/png;base64,", "invalid_request", "The picture is empty."),
        ("data:image/png,abc", "invalid_request", "is a data: URL that is not in base64"),
        ("data:image/png;base64,!!!!", "invalid_request", "is no valid base64"),
        (b64(b"hello"), "invalid_request", "is none that is known here; formats of a picture are"),
        (url(PNG[:-20]), "invalid_request", "is cut off"),
        (url(WAV), "invalid_request", "is WAV, which is not read here"),
        (url(b"RIFF\x10\0\0\0WEBPVP8 "), "invalid_request", "is WebP, which is not read here"),
        (url(bytes(100_003)), "invalid_request", "more bytes than are taken here (100,000"),
        ("file:///etc/passwd", "unsupported", "is a URL of file:, where only data: and http(s):"),
        ("ftp://a/b", "unsupported", "is a URL of ftp:"),
        ("https://example.com/a.png", "unsupported", "--media-hosts, where none is"),
    ],
)
async def test_a_picture_that_cannot_be_had_is_told_with_its_place(
    client: httpx.AsyncClient, engine: FakeEngine, source: str, code: str, words: str
) -> None:
    found = await refusal(client, user("What is it?", image(source)))
    assert found[:2] == (code, PLACE)
    assert words in found[2]
    assert not engine.submitted


async def test_all_files_together_have_a_bound(client: httpx.AsyncClient) -> None:
    half = files.wav(1.9)
    code, param, words = await refusal(client, user(sound(data=b64(half)), sound(data=b64(half))))
    assert (code, param) == ("invalid_request", "messages[0].content[1].input_audio")
    assert "more bytes than are taken" in words


async def test_there_may_be_so_many(client: httpx.AsyncClient) -> None:
    found = await refusal(client, user(*[image(url(PNG))] * 5))
    assert found[1:] == ("messages", "There are 5 pictures and sounds; 4 are allowed.")


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"type": "image_url"}, "messages[0].content[0].image_url"),
        (image({}), "messages[0].content[0].image_url.url"),
        (image(5), "messages[0].content[0].image_url"),
        ({"type": "input_audio", "input_audio": "x"}, "messages[0].content[0].input_audio"),
        (sound(format="wav"), "messages[0].content[0].input_audio"),
    ],
)
async def test_a_part_of_another_shape(client: httpx.AsyncClient, given: Any, param: str) -> None:
    assert (await refusal(client, user(given)))[:2] == ("invalid_request", param)


async def test_an_assistant_says_text_alone(client: httpx.AsyncClient) -> None:
    answer = {"role": "assistant", "content": [image(url(PNG))]}
    found = await refusal(client, user("Hi"), answer, user("?"))
    assert found[:2] == ("unsupported", "messages[1].content[0]")


@pytest.mark.parametrize(
    ("kinds", "words"),
    [((), "This model takes text only."), ((MediaKind.AUDIO,), "This model takes no image input.")],
)
async def test_a_model_that_cannot_is_told_before_anything_is_read(
    client: httpx.AsyncClient, engine: FakeEngine, kinds: Any, words: str
) -> None:
    engine.info = model_info(media=kinds)
    found = await refusal(client, user("What is it?", image("http://example.com/")))
    assert found == ("unsupported", PLACE, words)


async def test_a_picture_comes_from_a_listed_host(
    client: httpx.AsyncClient, engine: FakeEngine, media: MediaOptions, server: Server
) -> None:
    host = f"pictures.test:{server.port}"
    loopback = ip_address("127.0.0.1")

    async def resolve(*_: Any) -> list[Any]:
        return [loopback]

    fetcher = Fetcher(ListedHosts([host]), resolve=resolve, allowed=lambda each: each == loopback)
    object.__setattr__(media, "fetcher", fetcher)
    server.file = PNG
    response = await asked(client, user("What?", image({"url": f"http://{host}/a.png"})))
    assert response.status_code == 200, response.text
    assert engine.last.prompt[1] == part(PNG, MediaKind.IMAGE)
    found = await refusal(client, user("What is it?", image(f"http://{host}/status/404")))
    assert found == (
        "invalid_request",
        PLACE,
        "The picture cannot be fetched: its host answered 404.",
    )
    found = await refusal(client, user("What is it?", image("http://example.com/a.png")))
    assert found[:2] == ("unsupported", PLACE)
    assert "'example.com', which is not listed in --media-hosts" in found[2]
