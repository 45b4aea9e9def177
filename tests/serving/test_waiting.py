"""What a stream hears while its model is loaded."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import httpx
import openai
import pytest

from tests.running import start_server

if TYPE_CHECKING:
    from collections.abc import Iterator

_MESSAGES = [{"role": "user", "content": "Hi"}]


@pytest.fixture(scope="module")
def url(random_model, tmp_path_factory) -> Iterator[str]:
    """A server that says after 20 ms that it is alive: no worker is there before."""
    folder = tmp_path_factory.mktemp("waiting")
    for name in ("a", "b", "c"):
        shutil.copy(random_model("llama"), folder / f"{name}.gguf")
    whole = random_model("llama").read_bytes()
    (folder / "broken.gguf").write_bytes(whole[: -len(whole) // 2])  # only its worker finds out
    flags = ("--threads", "1", "--slots", "2", "--keep-alive-seconds", "0.02")
    server = start_server("none", "--models-dir", str(folder), *flags)
    yield server.root_url
    server.stop()


def test_a_load_that_fails_is_told_as_an_event(url) -> None:
    # the first one: beside others, a look at the file comes before, and may be too quick
    body = {"model": "broken", "messages": _MESSAGES, "stream": True}
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=60) as answer:
        assert answer.status_code == 200
        lines = [line for line in answer.iter_lines() if line.startswith("data: ")]
    error = json.loads(lines[-1].removeprefix("data: "))["error"]
    assert error["code"] == "model_failed"


@pytest.mark.parametrize(
    ("model", "path", "body"),
    [
        ("a", "/v1/chat/completions", {"messages": _MESSAGES}),
        ("b", "/v1/completions", {"prompt": "x"}),
    ],
)
def test_comments_come_while_a_model_is_loaded(url, model, path, body) -> None:
    body = {**body, "model": model, "stream": True, "max_tokens": 2}
    with httpx.stream("POST", url + path, json=body, timeout=60) as answer:
        assert answer.status_code == 200
        lines = [line for line in answer.iter_lines() if line]
    comments = [line for line in lines if line.startswith(":")]
    assert lines[: len(comments)][0] == ": keep-alive"
    assert lines[-1] == "data: [DONE]"
    first = json.loads(
        next(line for line in lines if line.startswith("data: ")).removeprefix("data: ")
    )
    assert first["model"] == model


def test_the_sdk_hears_nothing_of_it(url) -> None:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    stream = client.chat.completions.create(
        model="c", messages=_MESSAGES, stream=True, max_tokens=2
    )
    assert list(stream)[-1].choices[0].finish_reason
