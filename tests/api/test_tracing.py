"""Spans of requests, and none of their texts."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from colonnade.ops.tracing import exporting
from colonnade.watch import About, Answered
from colonnade.web.observed import LISTENERS, told_listeners

if TYPE_CHECKING:
    import httpx
    from opentelemetry.sdk.trace import ReadableSpan

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def about(**fields: object) -> About:
    found = About("req_1", "openai", "/v1/chat/completions", "alice", "demo", method="POST")
    found.status = 200
    for name, value in fields.items():
        setattr(found, name, value)
    return found


def answered(began: int) -> Answered:
    return Answered(began, 0.5, 0.25, 2.0, 11, 4, 7, ("stop",))


def spans(*requests: About) -> list[ReadableSpan]:
    exporter = InMemorySpanExporter()
    with exporting(exporter):
        for each in requests:
            told_listeners(each)
    return list(exporter.get_finished_spans())


def test_a_request_s_spans() -> None:
    found = about(parent=f"00-{TRACE}-{SPAN}-01")
    found.answers.append(answered(found.began_ns))
    made = {span.name: span for span in spans(found)}
    assert set(made) == {"POST /v1/chat/completions", "chat demo", "queue", "prefill", "decode"}
    request, answer = made["POST /v1/chat/completions"], made["chat demo"]
    assert f"{request.context.trace_id:032x}" == TRACE
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == SPAN
    assert request.kind is SpanKind.SERVER
    assert request.attributes is not None
    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["colonnade.caller"] == "alice"
    assert answer.parent is not None
    assert answer.parent.span_id == request.context.span_id
    assert dict(answer.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "colonnade",
        "gen_ai.request.model": "demo",
        "gen_ai.response.model": "demo",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 4,
    }
    parts = [made[name] for name in ("queue", "prefill", "decode")]
    assert all(part.parent and part.parent.span_id == answer.context.span_id for part in parts)
    assert [part.end_time - part.start_time for part in parts] == [5e8, 2.5e8, 2e9]
    assert parts[0].start_time == answer.start_time
    assert parts[-1].end_time == answer.end_time
    assert request.resource.attributes["service.name"] == "colonnade"


@pytest.mark.parametrize("parent", ["", "nonsense", f"00-{'0' * 32}-{SPAN}-01", "x" * 10_000])
def test_without_a_sound_traceparent_the_trace_begins_here(parent: str) -> None:
    (request,) = spans(about(parent=parent))
    assert request.parent is None


def test_a_trace_that_the_client_does_not_sample_is_not_made() -> None:
    assert spans(about(parent=f"00-{TRACE}-{SPAN}-00")) == []


def test_failures_and_probes() -> None:
    (failed,) = spans(about(status=503, failure="worker_died"), about(door="ops", route="/health"))
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes is not None
    assert failed.attributes["error.type"] == "worker_died"


async def test_of_a_request_through_the_application(client: httpx.AsyncClient) -> None:
    exporter = InMemorySpanExporter()
    with exporting(exporter):
        body = {"messages": [{"role": "user", "content": "purple"}]}
        headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "x-request-id": "mine"}
        assert (await client.post("/v1/chat/completions", json=body, headers=headers)).is_success
        await client.get("/health")
    assert not LISTENERS
    (request,) = exporter.get_finished_spans()
    assert request.name == "POST /v1/chat/completions"
    assert f"{request.context.trace_id:032x}" == TRACE
    assert request.attributes is not None
    assert request.attributes["colonnade.request_id"] == "mine"
    assert "purple" not in request.to_json()


def test_nothing_is_imported_while_traces_are_off() -> None:
    code = "import sys, colonnade.cli.serve, colonnade.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "opentelemetry" not in {name.partition(".")[0] for name in done.stdout.split()}
