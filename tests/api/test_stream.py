"""What a stream's client sees when the engine is slow, fails or is not wanted any more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from colonnade.api.options import ApiOptions
from colonnade.app import create_app
from colonnade.generation import Generator, Models
from colonnade.messages import Failure, FailureKind
from colonnade.web.access import Access
from tests.api.fakes import Exchange, FakeEngine, Submitted, events

CHAT = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
COMPLETION = {"prompt": ["a", "b"], "stream": True}
BOTH = pytest.mark.parametrize(
    ("path", "body"), [("/v1/chat/completions", CHAT), ("/v1/completions", COMPLETION)]
)


def silent(_: Submitted) -> None:
    """The script of an engine that has nothing to say yet."""


@BOTH
async def test_headers_come_before_the_first_token(
    app: Any, engine: FakeEngine, path: str, body: dict[str, Any]
) -> None:
    engine.script = silent
    exchange = Exchange(app, path, body)
    await exchange.until(lambda: exchange.messages)
    assert exchange.status == 200
    assert exchange.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert exchange.headers["cache-control"] == "no-cache"
    assert exchange.headers["x-accel-buffering"] == "no"
    assert exchange.headers["x-request-id"].startswith("req_")
    assert "content-length" not in exchange.headers
    exchange.hang_up()
    await exchange.done


@BOTH
async def test_silence_is_filled_with_comments(
    app: Any, engine: FakeEngine, path: str, body: dict[str, Any]
) -> None:
    engine.script = silent
    exchange = Exchange(app, path, body)
    await exchange.until(lambda: exchange.body.count(b": keep-alive\n\n") == 3)
    for submitted in engine.submitted:
        submitted.say("late")
        submitted.end()
    await exchange.done
    assert events(exchange.body)[-1] == "[DONE]"


async def test_busy_stream_has_no_comments(models: Models, engine: FakeEngine) -> None:
    engine.script = silent
    # Long beside the pauses, which a busy machine may stretch.
    app = create_app(
        Generator(models), models, ApiOptions(keep_alive_seconds=0.6), Access.for_anyone()
    )
    exchange = Exchange(app, "/v1/chat/completions", CHAT)
    await engine.arrived.wait()
    for _ in range(10):
        await asyncio.sleep(0.08)
        engine.last.say("x")
    engine.last.end()
    await exchange.done
    assert b"\n:" not in exchange.body


@BOTH
@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Failure(FailureKind.WORKER_DIED, "gone"), "worker_died"),
        (ZeroDivisionError("details"), "internal"),
    ],
)
async def test_failure_under_way_is_the_stream_s_last_event(
    app: Any,
    engine: FakeEngine,
    path: str,
    body: dict[str, Any],
    failure: Any,
    code: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(submitted: Submitted) -> None:
        submitted.say("Hel")
        submitted.stream.fail(failure)

    engine.script = fail
    exchange = Exchange(app, path, body)
    await exchange.done
    *_, error = events(exchange.body)
    assert error["error"]["code"] == code
    assert "details" not in error["error"]["message"]
    assert b"[DONE]" not in exchange.body
    assert any(exchange.headers["x-request-id"] in line for line in caplog.messages)
    assert exchange.messages[-1]["more_body"] is False


@BOTH
async def test_client_that_hangs_up_frees_the_engine(
    app: Any, engine: FakeEngine, path: str, body: dict[str, Any]
) -> None:
    engine.script = silent
    exchange = Exchange(app, path, body)
    await exchange.until(lambda: exchange.messages)
    exchange.hang_up()
    await exchange.done
    for submitted in engine.submitted:
        assert submitted.cancelled.is_set()


@BOTH
async def test_waiting_client_that_hangs_up_frees_the_engine(
    app: Any, engine: FakeEngine, path: str, body: dict[str, Any]
) -> None:
    engine.script = lambda submitted: submitted.say("Hel")
    exchange = Exchange(app, path, body | {"stream": False})
    await engine.arrived.wait()
    exchange.hang_up()
    await exchange.done
    for submitted in engine.submitted:
        assert submitted.cancelled.is_set()


async def test_finished_stream_cancels_nothing(app: Any, engine: FakeEngine) -> None:
    exchange = Exchange(app, "/v1/chat/completions", CHAT)
    await exchange.done
    assert not engine.last.cancelled.is_set()
    assert exchange.messages[-1] == {
        "type": "http.response.body",
        "body": b"data: [DONE]\n\n",
        "more_body": False,
    }


async def test_server_that_stops_frees_the_engine(app: Any, engine: FakeEngine) -> None:
    engine.script = silent
    exchange = Exchange(app, "/v1/chat/completions", CHAT)
    await exchange.until(lambda: exchange.messages)
    exchange.done.cancel()
    await asyncio.gather(exchange.done, return_exceptions=True)
    assert engine.last.cancelled.is_set()


async def test_what_piled_up_is_sent_at_once(app: Any, engine: FakeEngine) -> None:
    engine.script = silent
    exchange = Exchange(app, "/v1/chat/completions", CHAT)
    await exchange.until(lambda: len(exchange.messages) == 2)
    for _ in range(50):
        engine.last.say("x")
    await exchange.until(lambda: exchange.body.count(b'"content":"x"') == 50)
    assert len(exchange.messages) == 3
    engine.last.end()
    await exchange.done


async def test_one_refused_prompt_frees_the_others(app: Any, engine: FakeEngine) -> None:
    def refuse_next(_: Submitted) -> None:
        engine.refusal = Failure(FailureKind.QUEUE_FULL, "full")

    engine.script = refuse_next
    exchange = Exchange(app, "/v1/completions", COMPLETION)
    await exchange.done
    assert exchange.status == 429
    assert len(engine.submitted) == 1
    assert engine.last.cancelled.is_set()
