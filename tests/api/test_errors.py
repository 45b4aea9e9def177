"""Every failure has a status and a body, and the documentation says the same."""

from __future__ import annotations

import logging
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from colonnade.messages import Failure, FailureKind
from colonnade.web.failures import RULES

if TYPE_CHECKING:
    import httpx

    from tests.api.fakes import FakeEngine

CHAT = {"messages": [{"role": "user", "content": "hi"}]}
DOCS = Path(__file__).parents[2] / "docs" / "errors.md"


def check_shape(response: httpx.Response) -> dict[str, str | None]:
    assert response.headers["content-type"] == "application/json"
    assert re.fullmatch(r"req_[0-9a-f]{32}", response.headers["x-request-id"])
    assert int(response.headers["openai-processing-ms"]) >= 0
    body = response.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"message", "type", "param", "code"}
    assert isinstance(body["error"]["message"], str)
    assert body["error"]["message"]
    error: dict[str, str | None] = body["error"]
    return error


def test_every_kind_of_failure_has_a_rule() -> None:
    assert set(RULES) == set(FailureKind)


def test_the_documented_table_is_the_one_in_force() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (\d+) \| `(\w+)` \| (.+?) \| (.+?) \|", DOCS.read_text(), re.MULTILINE
    )
    documented = {
        kind: (int(status), type_, wait, retry) for kind, status, type_, wait, retry in rows
    }
    words = {None: "-", True: "yes", False: "no"}
    assert documented == {
        kind.value: (
            rule.status,
            rule.type,
            "-" if rule.retry_after is None else f"{rule.retry_after:g} s",
            words[rule.should_retry],
        )
        for kind, rule in RULES.items()
    }


@pytest.mark.parametrize("kind", list(FailureKind))
async def test_failure_becomes_its_response(
    client: httpx.AsyncClient, engine: FakeEngine, kind: FailureKind
) -> None:
    engine.refusal = Failure(kind, "no such luck", param="somewhere")
    for stream in (False, True):
        response = await client.post("/v1/chat/completions", json=CHAT | {"stream": stream})
        rule = RULES[kind]
        assert response.status_code == rule.status
        assert check_shape(response) == {
            "message": "no such luck",
            "type": rule.type,
            "param": "somewhere",
            "code": kind.value,
        }
        assert ("retry-after" in response.headers) == (rule.retry_after is not None)
        assert ("x-should-retry" in response.headers) == (rule.should_retry is not None)


async def test_retry_after_is_the_failure_s_own(
    client: httpx.AsyncClient, engine: FakeEngine
) -> None:
    engine.refusal = Failure(FailureKind.QUEUE_FULL, "full", retry_after=2.25)
    response = await client.post("/v1/chat/completions", json=CHAT)
    assert response.status_code == 429
    assert response.headers["retry-after"] == str(math.ceil(2.25))
    assert response.headers["retry-after-ms"] == "2250"
    assert response.headers["x-should-retry"] == "true"


async def test_fault_of_our_own_is_logged_and_not_told(
    client: httpx.AsyncClient, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.refusal = ZeroDivisionError("the details")
    with caplog.at_level(logging.ERROR, logger="colonnade"):
        response = await client.post("/v1/chat/completions", json=CHAT)
    assert response.status_code == 500
    error = check_shape(response)
    assert error["code"] == "internal"
    assert "details" not in response.text
    assert response.headers["x-should-retry"] == "false"
    record = next(each for each in caplog.records if each.name == "colonnade.web.failures")
    assert response.headers["x-request-id"] in record.getMessage()
    assert record.exc_info
    assert record.exc_info[0] is ZeroDivisionError


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("POST", "/v1/models", 405, "method_not_allowed"),
    ],
)
async def test_litestar_s_own_refusals_have_the_shape(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    response = await client.request(method, path)
    assert response.status_code == status
    error = check_shape(response)
    assert (error["type"], error["code"]) == ("invalid_request_error", code)
    assert f"{method} {path}" in str(error["message"])
    if status == 405:
        assert "OPTIONS" in response.headers["allow"]


async def test_body_over_the_limit_is_refused_unread(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/chat/completions", content=b" " * 100_001)
    assert response.status_code == 413
    assert check_shape(response)["code"] == "request_too_large"


async def test_client_s_own_request_id_is_kept_if_sane(client: httpx.AsyncClient) -> None:
    for given in ("abc-123", "x" * 128):
        response = await client.get("/v1/models", headers={"x-request-id": given})
        assert response.headers["x-request-id"] == given
    for given in ("", "two words", "x" * 129, "tab\tbed"):
        response = await client.get("/v1/models", headers={"x-request-id": given})
        assert response.headers["x-request-id"].startswith("req_")


async def test_pages_of_any_origin_may_read_the_answer(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/models", headers={"origin": "https://page.example"})
    assert response.headers["access-control-allow-origin"] == "*"
    assert "x-request-id" in response.headers["access-control-expose-headers"]
    preflight = await client.options(
        "/v1/chat/completions",
        headers={
            "origin": "https://page.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization, x-stainless-lang",
        },
    )
    assert preflight.status_code == 204
    assert "x-stainless-lang" in preflight.headers["access-control-allow-headers"]
    assert "x-request-id" in preflight.headers
