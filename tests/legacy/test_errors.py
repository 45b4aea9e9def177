"""Each service's own words for each failure."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import httpx
import pytest

from colonnade.legacy.errors import TABLE, Service, body, text
from colonnade.messages import Failure, FailureKind
from colonnade.web.failures import RULES

DOCS = Path(__file__).parents[2] / "docs" / "errors.md"


def test_the_table_is_complete():
    assert TABLE.keys() == set(FailureKind) == RULES.keys()


def test_the_documented_table_is_the_one_in_force():
    rows = re.findall(
        r"^\| `(\w+)` \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| `(\w+)` \|$",
        DOCS.read_text(),
        re.MULTILINE,
    )
    documented = {kind: (*map(int, statuses), code) for kind, *statuses, code in rows}
    assert documented == {
        kind.value: (row.gemma, row.llama_chat, row.queued, row.flowgen, row.code)
        for kind, row in TABLE.items()
    }


@pytest.mark.parametrize("kind", FailureKind)
@pytest.mark.parametrize("service", Service)
def test_every_failure_has_its_body(kind, service):
    failure = Failure(kind, "no such luck", param="somewhere")
    said = body(failure, service)
    if service is Service.FLOWGEN:
        assert said.error == text(failure, service)
    elif kind is FailureKind.INVALID_REQUEST and service is not Service.QUEUED:
        assert [each.loc for each in said.detail] == [["body", "somewhere"]]
    else:
        assert said.detail == text(failure, service)


@pytest.mark.parametrize(
    ("kind", "service", "words"),
    [
        (FailureKind.NO_MODEL, Service.FLOWGEN, "Model not loaded. Call /load first."),
        (FailureKind.NO_MODEL, Service.LLAMA_CHAT, "Model not loaded"),
        (FailureKind.WORKER_DIED, Service.GEMMA, "Generation error: no such luck"),
        (FailureKind.INTERNAL, Service.LLAMA_CHAT, "Generation error: no such luck"),
        (FailureKind.INTERNAL, Service.QUEUED, "no such luck"),
    ],
)
def test_the_documents_words(kind, service, words):
    assert text(Failure(kind, "no such luck"), service) == words


EXECUTE = "/v1/execute"
INVALID = [
    ("gemma", EXECUTE, "{", [], "json_invalid"),
    ("gemma", EXECUTE, "", [], "json_invalid"),
    ("gemma", EXECUTE, "[]", [], "dict_type"),
    ("gemma", EXECUTE, "{}", ["input"], "missing"),
    ("gemma", "/execute", '{"input": ""}', ["input"], "string_too_short"),
    ("gemma", EXECUTE, '{"input": 5}', ["input"], "string_type"),
    ("gemma", EXECUTE, '{"input": "a", "max_tokens": 0}', ["max_tokens"], "greater_than_equal"),
    ("gemma", EXECUTE, '{"input": "a", "max_tokens": "x"}', ["max_tokens"], "int_type"),
    ("gemma", EXECUTE, '{"input": "a", "temperature": 3}', ["temperature"], "less_than_equal"),
    ("gemma", EXECUTE, '{"input": "a", "top_p": 0}', ["top_p"], "greater_than"),
    ("gemma", EXECUTE, '{"input": "a", "top_k": -1}', ["top_k"], "greater_than_equal"),
    ("gemma", EXECUTE, '{"input": "a", "top_p": "high"}', ["top_p"], "float_type"),
    ("llama_chat", "/chat", '{"message": 1}', ["message"], "string_type"),
    ("llama_chat", "/chat", '{"message": "a", "top_p": 1.5}', ["top_p"], "less_than_equal"),
    ("llama_chat", "/chat/stream", "{}", ["message"], "missing"),
    ("llama_chat", "/chat/clear", "{}", ["session_id"], "missing"),
]


@pytest.mark.parametrize(("service", "path", "content", "field", "kind"), INVALID)
def test_validation_as_fastapi_told_it(at, service, path, content, field, kind):
    answer = at(service).post(path, content=content)
    assert answer.status_code == 422
    [complaint] = answer.json()["detail"]
    assert complaint["loc"] == ["body", *field]
    assert complaint["type"] == kind
    assert complaint["msg"]


@pytest.mark.parametrize("value", ["0.5", 0.5])
def test_numbers_may_come_as_text(at, value):
    body = {"input": "Hello!", "temperature": value, "max_tokens": "16", "top_k": 40.0}
    assert at("gemma").post("/v1/execute", json=body).status_code == 200


def test_unknown_fields_pass(at):
    answer = at("llama_chat").post("/chat", json={"message": "Hello!", "model": "x", "user": None})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "content", ["{}", '{"message": "a", "messages": []}', "{", "[]", "", '{"x": 1}']
)
def test_a_chat_that_two_services_could_mean(legacy, content):
    with legacy.client() as http:
        answer = http.post("/chat", content=content)
    assert answer.status_code == 400
    assert answer.json().keys() == {"detail", "error"}
    assert answer.json()["detail"] == answer.json()["error"] != ""


@pytest.mark.parametrize(
    ("service", "key"),
    [
        ("Gemma worker", "detail"),
        ("LLaMA chat", "detail"),
        ("Queued streaming", "detail"),
        ("FlowGen", "error"),
    ],
)
def test_own_ports_know_nothing_else(legacy, service, key):
    url = legacy.services[service]
    for path in ("/v1/models", "/v1/chat/completions", "/nothing"):
        answer = httpx.get(url + path)
        assert answer.status_code == 404
        assert answer.json().keys() == {key}


def test_a_body_that_is_too_large(start_legacy):
    server = start_legacy("--max-body-size", "2000")
    try:
        with server.client() as http:
            for path, fields, key in (
                ("/v1/execute", {"input": "a" * 3000}, "detail"),
                ("/chat/stream", {"message": "a" * 3000}, "detail"),
                ("/load", {"model_path": "a" * 3000}, "error"),
                ("/api/v1/chat/submit", {"prompt": "a" * 3000}, "detail"),
            ):
                answer = http.post(path, json=fields)
                assert answer.status_code == 413, path
                assert answer.json().keys() == {key}
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("path", "body", "key"),
    [
        ("/v1/execute", {"input": "Hello!", "max_tokens": 2}, "detail"),
        ("/chat", {"message": "Hello!", "max_tokens": 2}, "detail"),
        ("/chat", {"messages": [{"role": "user", "content": "Hello!"}]}, "error"),
    ],
)
def test_bodies_that_come_packed(legacy, path, body, key):
    plain = json.dumps(body | {"max_tokens": 2}).encode()
    with legacy.client() as http:
        for content in (gzip.compress(plain), gzip.compress(b"\xef\xbb\xbf" + plain)):
            answer = http.post(path, content=content, headers={"content-encoding": "gzip"})
            assert answer.status_code == 200, answer.text
        refused = http.post(path, content=plain, headers={"content-encoding": "br"})
        assert refused.status_code == 415
        assert "'br' is not read here" in refused.json()[key]
