"""OpenTelemetry traces, for who installs ``colonnade[tracing]`` and says where they go.

A request becomes spans when it has ended, from the times that were noted anyway: nothing is done
for it while it is served, and nothing of OpenTelemetry is imported where traces are off. A span for
the request (HTTP's semantic conventions), within it one for each prompt that was answered (those of
generative AI, ``gen_ai.*``), and within that queue, prefill and decode. No text is in any of them.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from colonnade import __version__
from colonnade.messages import Failure, FailureKind
from colonnade.web.observed import LISTENERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

    from colonnade.watch import About, Answered

_PATIENCE: Final = 5
"""Seconds that a collector has to take spans, also when the server stops."""
_SECOND: Final = 1_000_000_000
_SERVER_ERROR: Final = 500
_SILENT: Final = frozenset({"ops", ""})
"""Doors whose requests are probes, scrapes and paths that are not there."""


@contextmanager
def tracing(endpoint: str) -> Iterator[None]:
    """Send traces to an OTLP collector over HTTP, such as ``http://localhost:4318/v1/traces``.

    The variables of OpenTelemetry (``OTEL_SERVICE_NAME``, ``OTEL_TRACES_SAMPLER``,
    ``OTEL_EXPORTER_OTLP_HEADERS`` ...) hold.

    Raises:
        Failure: the extra is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ModuleNotFoundError as error:
        msg = f"{error.name} is not installed: pip install 'colonnade[tracing]'"
        raise Failure(FailureKind.UNSUPPORTED, msg) from error
    with exporting(OTLPSpanExporter(endpoint, timeout=_PATIENCE)):
        yield


@contextmanager
def exporting(exporter: SpanExporter) -> Iterator[None]:
    """Make spans of what is served, and hand them to an exporter in a thread of its own."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.version": __version__, **_named()})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    traces = Traces(provider.get_tracer("colonnade", __version__))
    LISTENERS.append(traces.ended)
    try:
        yield
    finally:
        LISTENERS.remove(traces.ended)
        provider.shutdown()


def _named() -> dict[str, str]:
    """The service's name, where the environment does not give it another one."""
    import os

    given = "OTEL_SERVICE_NAME" in os.environ or "service.name" in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    return {} if given else {"service.name": "colonnade"}


class Traces:
    """Makes spans of requests that have ended."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def ended(self, found: About) -> None:
        """Make the spans of a request."""
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

        if found.door in _SILENT:
            return
        span = self._tracer.start_span(
            f"{found.method} {found.route}",
            context=_parent(found.parent),
            kind=SpanKind.SERVER,
            attributes=_of_request(found),
            start_time=found.began_ns,
        )
        if found.status >= _SERVER_ERROR:
            span.set_status(Status(StatusCode.ERROR))
        inside = set_span_in_context(span)
        for answer in found.answers:
            self._answered(found, answer, inside)
        span.end(found.began_ns + round(found.seconds * _SECOND))

    def _answered(self, found: About, answer: Answered, context: Context) -> None:
        from opentelemetry.trace import set_span_in_context

        operation = _operation(found)
        span = self._tracer.start_span(
            f"{operation} {found.model}",
            context=context,
            attributes=_of_answer(found, answer, operation),
            start_time=answer.began,
        )
        inside, now = set_span_in_context(span), answer.began
        for name, seconds in (
            ("queue", answer.queue),
            ("prefill", answer.prefill),
            ("decode", answer.decode),
        ):
            part = self._part(name, inside, now)
            now += round(seconds * _SECOND)
            part.end(now)
        span.end(now)

    def _part(self, name: str, context: Context, start: int) -> Span:
        return self._tracer.start_span(name, context=context, start_time=start)


def _parent(header: str) -> Context:
    """The client's span, where it sent one; else no span is around ours."""
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {"traceparent": header} if header else {}
    return TraceContextTextMapPropagator().extract(carrier, Context())


def _operation(found: About) -> str:
    chats = found.door != "openai" or found.route.endswith("/chat/completions")
    return "chat" if chats else "text_completion"


def _of_request(found: About) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "http.request.method": found.method,
        "http.route": found.route,
        "colonnade.request_id": found.id,
        "colonnade.door": found.door,
    }
    if found.status:
        attributes["http.response.status_code"] = found.status
    if found.caller:
        attributes["colonnade.caller"] = found.caller
    if found.failure:
        attributes["error.type"] = found.failure
    return attributes


def _of_answer(found: About, answer: Answered, operation: str) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "colonnade",
        "gen_ai.request.model": found.model,
        "gen_ai.response.model": found.model,
        "gen_ai.response.finish_reasons": answer.reasons,
        "gen_ai.usage.input_tokens": answer.prompt_tokens,
        "gen_ai.usage.output_tokens": answer.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": answer.cached_tokens,
    }
