"""The OpenAPI document names every route, and its examples work."""

from __future__ import annotations

import threading

import httpx
import pytest


def bodies(document) -> dict[str, list[dict]]:
    """The examples of each route's body."""
    found: dict[str, list[dict]] = {}
    for path, item in document["paths"].items():
        if "post" in item and "requestBody" in item["post"]:
            media = item["post"]["requestBody"]["content"]["application/json"]
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
        ("GET", "/"), ("GET", "/health"), ("GET", "/ready"), ("GET", "/metrics"),
        ("POST", "/v1/chat/completions"), ("POST", "/v1/completions"),
        ("GET", "/v1/models"), ("GET", "/v1/models/{model_id}"),
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


def test_every_body_has_an_example_that_works(legacy, document, loaded):  # noqa: ARG001
    examples = bodies(document)
    posts = {path for path, item in document["paths"].items() if "post" in item} - {"/unload"}
    assert examples.keys() == posts
    with legacy.client() as http:
        for path, bodies_ in sorted(examples.items()):
            assert bodies_, path
            for body in bodies_:
                if path == "/api/v1/chat/submit":
                    submit(http, body)
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
