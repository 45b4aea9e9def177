"""Adapters chosen by requests, on a real server with two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest

from benchmarks.random_lora import write_random_lora
from colonnade.hub import resolve_model
from tests.running import RunningServer, start_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

MODEL = "colonnade-demo"
PLAIN = {"prompt": "<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n"}
SHORT: dict[str, Any] = {"max_tokens": 8, "temperature": 0, "ignore_eos": True}
ADMIN = {"authorization": "Bearer steers"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, demo = tmp_path_factory.mktemp("adapters"), resolve_model("demo", lambda _: None).path
    return {
        name: write_random_lora(demo, folder / f"{name}.gguf", seed=seed, size=0.3)
        for seed, name in enumerate(("one", "two"))
    }


@pytest.fixture(scope="module")
def adapted(files: dict[str, Path]) -> Iterator[RunningServer]:
    adapters = ("--lora", f"first={files['one']}", "--lora", str(files["two"]))
    keys = ("--api-key", "knocks", "--admin-key", "steers")
    running = start_server("demo", "--threads", "1", "--slots", "4", *adapters, *keys)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def http(adapted: RunningServer) -> Iterator[httpx.Client]:
    with adapted.client(headers={"authorization": "Bearer knocks"}) as client:
        yield client


def says(http: httpx.Client, **fields: Any) -> str:
    response = http.post("/v1/completions", json=PLAIN | SHORT | fields)
    assert response.status_code == 200, response.text
    text: str = response.json()["choices"][0]["text"]
    return text


def refusal(http: httpx.Client, status: int = 400, **fields: Any) -> dict[str, Any]:
    response = http.post("/v1/completions", json=PLAIN | SHORT | fields)
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    return error


@pytest.fixture(scope="module")
def alone(files: dict[str, Path]) -> dict[str, str]:
    """What servers say that have one adapter, for all requests."""
    said = {}
    for name, path in files.items():
        running = start_server("demo", "--threads", "1", "--lora", f"{path}:1")
        with running.client() as client:
            said[name] = says(client)
        running.stop()
    return said


def test_the_field_chooses_adapters_and_their_scales(
    http: httpx.Client, server: RunningServer, alone: dict[str, str]
) -> None:
    with server.client() as client:
        plain = says(client)
    assert says(http) == plain
    assert says(http, lora=[]) == plain
    assert says(http, lora=[{"id": 0, "scale": 0}]) == plain
    assert says(http, lora=[{"id": 0, "scale": 1}]) == alone["one"] != plain
    assert says(http, lora=[{"id": "first", "scale": 1.0}]) == alone["one"]
    assert says(http, lora=[{"id": 1, "scale": 1}]) == alone["two"] != alone["one"]
    assert says(http, lora=[{"id": 1, "scale": 1}, {"id": 0, "scale": 1e-9}]) == alone["two"]
    both = says(http, lora=[{"id": 0, "scale": 1}, {"id": 1, "scale": -2.5}])
    assert both not in (plain, *alone.values())
    assert says(http) == plain, "what was read with others is not gone on with"


def test_the_models_name_chooses_an_adapter(adapted: RunningServer, alone: dict[str, str]) -> None:
    options = {"base_url": adapted.base_url, "api_key": "knocks", "max_retries": 0}
    with openai.OpenAI(**options) as client:  # type: ignore[arg-type]
        for name, adapter in (("one", "first"), ("two", "two")):
            model = f"{MODEL}:{adapter}"
            said = client.completions.create(
                model=model,
                prompt=PLAIN["prompt"],
                max_tokens=8,
                temperature=0,
                extra_body={"ignore_eos": True},
            )
            assert said.model == model
            assert said.choices[0].text == alone[name]
            messages = [{"role": "user", "content": "Hello!"}]
            chat = client.chat.completions.create(
                model=model,
                messages=messages,  # type: ignore[arg-type]
                max_tokens=8,
                temperature=0,
                stream=True,
                extra_body={"ignore_eos": True},
            )
            chunks = list(chat)
            assert {chunk.model for chunk in chunks} == {model}
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
            assert text == alone[name]
        with pytest.raises(openai.NotFoundError) as caught:
            client.completions.create(model=f"{MODEL}:third", prompt="x")
        assert f"'{MODEL}" in str(caught.value)


def test_a_table_has_adapters_of_its_own(
    files: dict[str, Path], alone: dict[str, str], tmp_path: Path
) -> None:
    """They are found before the model is loaded, by its other names, too; those of the model on
    the command line are not applied to it."""
    config = tmp_path / "colonnade.toml"
    config.write_text(
        f"""
        [model]
        lora = ["other={files["two"]}"]
        [[models]]
        name = "base"
        aliases = ["b"]
        model = "demo"
        lora = ["fr={files["one"]}"]
        [[models]]
        name = "bare"
        model = "demo"
        """,
        encoding="utf-8",
    )
    running = start_server("demo", "--config", str(config), "--threads", "1")
    try:
        with running.client() as http:
            listed = {each["id"]: each for each in http.get("/v1/models").json()["data"]}
            assert set(listed) == {MODEL, f"{MODEL}:other", "base", "base:fr", "bare"}
            assert listed["base:fr"]["parent"] == "base"
            assert listed["base:fr"]["state"] == "available"
            assert says(http, model="base:fr") == says(http, model="b:fr") == alone["one"]
            assert says(http, model="bare") == says(http, model="base") != alone["one"]
            assert says(http, model="base", lora=[{"id": "fr", "scale": 1}]) == alone["one"]
            for name in ("bare:fr", "base:other", "base:q4"):
                assert refusal(http, 404, model=name)["param"] == "model"
            names = http.get("/lora-adapters", params={"model": "b"}).json()
            assert [each["name"] for each in names] == ["fr"]
    finally:
        running.stop()


@pytest.mark.parametrize(
    ("lora", "words"),
    [
        (
            [{"id": 2, "scale": 1}],
            "'lora[0].id' is 2. This model's adapters: 0 ('first'), 1 ('two').",
        ),
        ([{"id": "three", "scale": 1}], "'three'"),
        ([{"id": 0, "scale": 1}, {"id": "first", "scale": 1}], "in the list already"),
        ([{"id": 0, "scale": 101}], "100"),
        ([{"id": 0, "scale": 1e400}], "scale"),
        ([{"id": 0, "scale": "1"}], "scale"),
        ([{"id": -1, "scale": 1}], "id"),
        ([{"id": 0.5, "scale": 1}], "id"),
        ([{"id": 0}], "scale"),
        ([{"scale": 1}], "id"),
        ([0], "object"),
        ({"id": 0, "scale": 1}, "array"),
        ([{"id": 0, "scale": 1}] * 65, "64"),
    ],
)
def test_wrong_wishes_are_named(http: httpx.Client, lora: Any, words: str) -> None:
    if lora == [{"id": 0, "scale": 1e400}]:  # no JSON has it as a number
        text = '{"prompt":"x","lora":[{"id":0,"scale":1e400}]}'
        response = http.post("/v1/completions", content=text)
        assert response.status_code == 400
        assert "lora" in response.text or "range" in response.text
        return
    error = refusal(http, lora=lora)
    assert words in error["message"]
    assert error["param"].startswith("lora")


def test_a_name_and_a_list_are_too_much(http: httpx.Client) -> None:
    error = refusal(http, model=f"{MODEL}:two", lora=[{"id": 0, "scale": 1}])
    assert error["param"] == "lora"
    assert "'two'" in error["message"]
    assert refusal(http, 404, model=f"{MODEL}:")["param"] == "model"


def test_a_model_without_adapters_says_so(server: RunningServer) -> None:
    with server.client() as client:
        assert "no adapters" in refusal(client, lora=[{"id": 0, "scale": 1}])["message"]
        assert client.get("/lora-adapters").json() == []


def test_what_counts_by_default_is_set_by_administrators(
    http: httpx.Client, files: dict[str, Path], alone: dict[str, str]
) -> None:
    names = [{"id": 0, "name": "first", "scale": 0.0}, {"id": 1, "name": "two", "scale": 0.0}]
    listed = http.get("/lora-adapters").json()
    assert listed == [each | {"path": each["name"]} for each in names]
    admin = http.get("/lora-adapters", headers=ADMIN).json()
    assert [each["path"] for each in admin] == [str(files["one"]), str(files["two"])]
    plain = says(http)
    wish = [{"id": 1, "scale": 1}]
    assert http.post("/lora-adapters", json=wish).status_code == 403
    for wrong in ([{"id": 2, "scale": 1}], [{"id": 0, "scale": 1000}], {}, [wish]):
        response = http.post("/lora-adapters", json=wrong, headers=ADMIN)
        assert response.status_code == 400, response.text
    done = http.post("/lora-adapters", json=wish, headers=ADMIN)
    assert (done.status_code, done.json()) == (200, {"success": True})
    try:
        assert [each["scale"] for each in http.get("/lora-adapters").json()] == [0.0, 1.0]
        assert says(http) == alone["two"]
        assert says(http, lora=[{"id": 0, "scale": 0}]) == plain, "a list takes its place"
        assert says(http, model=f"{MODEL}:first") == alone["one"]
    finally:
        assert http.post("/lora-adapters", json=[], headers=ADMIN).status_code == 200
    assert says(http) == plain
    assert http.get("/lora-adapters", params={"model": "other"}).status_code == 404
    assert http.get("/lora-adapters", params={"model": MODEL}).json() == listed


def test_slots_tell_the_adapters(http: httpx.Client) -> None:
    wish = [{"id": 0, "scale": 0.25}, {"id": "two", "scale": 1}]
    body = PLAIN | SHORT | {"max_tokens": 6000, "stream": True, "lora": wish}
    with http.stream("POST", "/v1/completions", json=body) as response:
        next(response.iter_lines())
        slots = http.get("/slots", headers=ADMIN).json()
    assert [slot["lora"] for slot in slots if slot["is_processing"]] == [
        [{"id": 0, "name": "first", "scale": 0.25}, {"id": 1, "name": "two", "scale": 1.0}]
    ]
