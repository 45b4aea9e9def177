"""The Gemma worker over HTTP; its WebSocket is in test_socket."""

from __future__ import annotations

import uuid

import pytest


def test_a_session_id_is_echoed_or_made(at):
    http = at("gemma")
    body = {"input": "Hello!", "session_id": "mine"}
    assert http.post("/v1/execute", json=body).json()["session_id"] == "mine"
    made = http.post("/execute", json={"input": "Hello!"}).json()["session_id"]
    assert uuid.UUID(made).version == 4


def test_defaults_come_from_the_variables(start_legacy):
    server = start_legacy(GEMMA_MAX_TOKENS="2", GEMMA_TEMPERATURE="0", LOG_LEVEL="WARNING")
    try:
        with server.client() as http:
            answers = {
                http.post("/v1/execute", json={"input": "Tell me a story."}).json()["result"]
                for _ in range(4)
            }
            longer = http.post("/v1/execute", json={"input": "Tell me a story.", "max_tokens": 40})
        assert len(answers) == 1
        assert len(longer.json()["result"]) > len(answers.pop())
        assert not any(" INFO " in line for line in server.log)
    finally:
        server.stop()


@pytest.mark.usefixtures("loaded")
def test_health_and_readiness(at):
    http = at("gemma")
    assert http.get("/health").json()["status"] == "healthy"
    http_flowgen = at("flowgen")
    http_flowgen.post("/unload").raise_for_status()
    assert http.get("/health").status_code == 200
    ready = http.get("/ready")
    assert ready.status_code == 503
    assert ready.json() == {
        "status": "not ready",
        "model_loaded": False,
        "model_path": None,
        "reason": "No model is loaded.",
    }
    answer = http.post("/v1/execute", json={"input": "Hello!"})
    assert answer.status_code == 503
    assert answer.json() == {"detail": "Model not loaded"}
    assert answer.headers["retry-after"]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_pages(at, path):
    page = at("gemma").get(path)
    assert page.status_code == 200
    assert "/v1/execute" in page.text


def test_the_document_has_the_own_routes(at):
    document = at("gemma").get("/openapi.json").json()
    assert "/v1/execute" in document["paths"]
    own = {"/", "/health", "/ready", "/v1/execute", "/execute"}
    if document["info"]["title"] == "Gemma worker":
        assert document["paths"].keys() == own
    else:
        assert own | {"/v1/chat/completions", "/load", "/sessions"} <= document["paths"].keys()


def test_information(at):
    answer = at("gemma").get("/").json()
    assert {"service", "version", "docs", "health"} <= answer.keys()
