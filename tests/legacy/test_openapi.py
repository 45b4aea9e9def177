"""The OpenAPI document names every route, and its examples work."""

from __future__ import annotations

import threading
from http import HTTPStatus

import httpx
import pytest

OF_OTHER_MODELS = {"/v1/embeddings", "/v1/rerank", "/v1/reranking", "/v1/score"}
"""Whose examples work with models that embed or score: ``contract/test_embeddings`` tries them."""

OF_THE_REGISTRY = {"/v1/models", "/v1/models/load", "/v1/models/unload"}
"""They name a model that this server may not have, or a hub that cannot be reached here."""


def bodies(document) -> dict[str, list[dict]]:
    """The examples of each route's body."""
    found: dict[str, list[dict]] = {}
    for path, item in document["paths"].items():
        if "post" in item and "requestBody" in item["post"]:
            media = item["post"]["requestBody"]["content"].get("application/json")
            if media is None:  # a form with a file
                continue
            examples = [each["value"] for each in media.get("examples", {}).values()]
            found[path] = examples or media["schema"].get("examples", [])
    return found


@pytest.fixture
def document(legacy):
    return httpx.get(f"{legacy.root_url}/openapi.json").json()


def test_every_route_is_described(document):
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }
    assert {
        ("GET", "/"), ("GET", "/health"), ("GET", "/ready"), ("GET", "/metrics"), ("GET", "/slots"),
        ("GET", "/usage"), ("GET", "/lora-adapters"), ("POST", "/lora-adapters"),
        ("POST", "/v1/chat/completions"), ("POST", "/v1/completions"),
        ("POST", "/v1/audio/transcriptions"), ("POST", "/v1/embeddings"), ("POST", "/v1/score"),
        ("POST", "/v1/rerank"), ("POST", "/v1/reranking"),
        ("GET", "/v1/models"), ("GET", "/v1/models/{model_id}"), ("POST", "/v1/models"),
        ("DELETE", "/v1/models/{model_id}"), ("GET", "/v1/models/sse"),
        ("POST", "/v1/models/load"), ("POST", "/v1/models/unload"),
        ("POST", "/v1/execute"), ("POST", "/execute"),
        ("POST", "/chat"), ("POST", "/chat/stream"), ("GET", "/chat/stream"),
        ("POST", "/chat/clear"), ("GET", "/sessions"),
        ("POST", "/api/v1/chat/submit"), ("GET", "/api/v1/chat/stream/{client_id}"),
        ("POST", "/load"), ("POST", "/unload"),
    } == described  # fmt: skip


def test_every_route_says_what_it_is(document):
    for path, item in document["paths"].items():
        for operation in item.values():
            assert operation["summary"], path
            assert operation["description"], path
            assert operation["tags"], path


def test_every_answer_is_described_in_our_words(document):
    stock = {status.description for status in HTTPStatus if status.description}
    for path, item in document["paths"].items():
        for operation in item.values():
            for status, response in operation["responses"].items():
                assert response["description"] not in stock, (path, status)
                content = response.get("content", {})
                for media in content.values():
                    # Litestar's own shape of errors, which no route of ours sends
                    assert "status_code" not in media["schema"].get("properties", {}), path


def test_streams_are_described(document):
    found = {
        (method.upper(), path): set(operation["responses"]["200"]["content"])
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if "text/event-stream" in operation["responses"].get("200", {}).get("content", {})
    }
    either, alone = {"application/json", "text/event-stream"}, {"text/event-stream"}
    assert found == {
        ("POST", "/v1/chat/completions"): either,
        ("POST", "/v1/completions"): either,
        ("POST", "/v1/audio/transcriptions"): either | {"text/plain"},
        ("GET", "/v1/models/sse"): alone,
        ("POST", "/chat"): either,
        ("POST", "/chat/stream"): alone,
        ("GET", "/chat/stream"): alone,
        ("GET", "/api/v1/chat/stream/{client_id}"): alone,
    }


def test_errors_that_are_described(document):
    assert {"400", "404", "503"} <= document["paths"]["/v1/models/{model_id}"]["get"][
        "responses"
    ].keys()
    assert "503" in document["paths"]["/ready"]["get"]["responses"]
    assert {"413", "415"} <= document["paths"]["/v1/completions"]["post"]["responses"].keys()


def test_all_methods_of_a_path_are_allowed(legacy):
    answer = httpx.options(f"{legacy.root_url}/chat/stream")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


def test_every_body_has_an_example_that_works(legacy, document, loaded):  # noqa: ARG001
    examples = bodies(document)
    posts = {path for path, item in document["paths"].items() if "post" in item}
    posts -= {"/unload", "/v1/audio/transcriptions"}
    assert examples.keys() == posts
    with legacy.client() as http:
        for path, bodies_ in sorted(examples.items()):
            assert bodies_, path
            for body in bodies_:
                if path == "/api/v1/chat/submit":
                    submit(http, body)
                elif path in OF_THE_REGISTRY:
                    assert http.post(path, json=body).status_code in {200, 404}, path
                elif path in OF_OTHER_MODELS:
                    error = http.post(path, json=body).json()["error"]
                    assert (error["param"], error["code"]) == ("model", "unsupported")
                else:
                    answer = http.post(path, json=body)
                    assert answer.status_code == 200, (path, answer.text)


def submit(http: httpx.Client, body: dict) -> None:
    connected = threading.Event()
    done = threading.Event()

    def listen() -> None:
        with http.stream("GET", f"/api/v1/chat/stream/{body['client_id']}") as stream:
            for line in stream.iter_lines():
                connected.set()
                if line == "event: done":
                    done.set()
                    return

    threading.Thread(target=listen, daemon=True).start()
    assert connected.wait(10)
    assert http.post("/api/v1/chat/submit", json=body).status_code == 202
    assert done.wait(30)


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/metrics", "/sessions", "/v1/models"])
def test_what_can_be_read(legacy, path):
    assert httpx.get(legacy.root_url + path).status_code == 200


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/schema/openapi.json"])
@pytest.mark.parametrize(
    "service", [None, "Gemma worker", "LLaMA chat", "Queued streaming", "FlowGen"]
)
def test_pages(legacy, path, service):
    url = legacy.root_url if service is None else legacy.services[service]
    page = httpx.get(url + path)
    assert page.status_code == 200
    assert "html" in page.headers["content-type"] or page.json()["openapi"]
