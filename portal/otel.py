"""OpenTelemetry's SDK, wired: the only module that imports it, and only where traces are asked for.

Requests are traced by its instrumentation for Django, tasks by that for Celery, attempts by ``liveness.tracing``. Nothing
leaves this process but what ``_TOLD`` names: addresses, names in paths and messages of exceptions stay here.
"""

import os
from collections.abc import Callable, Sequence

from django.conf import settings
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.trace import Status

from liveness import tracing
from portal import request_ids

_TOLD = {
    "http.method",
    "http.request.method",
    "http.route",
    "http.status_code",
    "http.response.status_code",
    "celery.action",
    "celery.retries",
    "celery.state",
    "celery.task_name",
    "exception.type",
    "livegate.outcome",
    "livegate.purpose",
    "livegate.reason",
    "livegate.request_id",
    "livegate.seconds",
}
# Asked every few seconds, or no work.
_UNTRACED = "/healthz,/readyz,/metrics"


def start(endpoint: str, exporter: SpanExporter | None = None) -> Callable[[], None]:
    """Trace requests, tasks and attempts until the returned function is called.

    endpoint: the collector's address, to which ``/v1/traces`` is added.
    """
    names = {} if "OTEL_SERVICE_NAME" in os.environ else {SERVICE_NAME: "livegate"}
    provider = TracerProvider(resource=Resource.create(names))
    provider.add_span_processor(_Identified())
    if exporter is None:
        wary = _Wary(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces"))
        provider.add_span_processor(BatchSpanProcessor(wary))
    else:
        provider.add_span_processor(SimpleSpanProcessor(_Wary(exporter)))
    instrumentors = DjangoInstrumentor(), CeleryInstrumentor()
    # Behind the middleware that answers what cannot be read: this one asks for the host at once.
    place = settings.MIDDLEWARE.index("portal.middleware.no_nul") + 1
    instrumentors[0].instrument(
        tracer_provider=provider, excluded_urls=_UNTRACED, middleware_position=place
    )
    instrumentors[1].instrument(tracer_provider=provider)
    tracing.use(provider.get_tracer("livegate"), trace.get_current_span)

    def stop() -> None:
        tracing.use(None, None)
        for each in instrumentors:
            each.uninstrument()
        provider.shutdown()

    return stop


class _Identified(SpanProcessor):
    """Log lines and spans of one request have one id."""

    def on_start(self, span: Span, parent_context: object = None) -> None:
        span.set_attribute("livegate.request_id", request_ids.current.get() or "-")


class _Wary(SpanExporter):
    """Passes spans on with the attributes of ``_TOLD`` alone."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._inner.export([_bare(span) for span in spans])

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


def _bare(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        span.name,
        span.context,
        span.parent,
        span.resource,
        _told(span.attributes),
        [Event(each.name, _told(each.attributes), each.timestamp) for each in span.events],
        span.links,
        span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _told(attributes: trace.types.Attributes) -> dict[str, trace.types.AttributeValue]:
    return {name: value for name, value in (attributes or {}).items() if name in _TOLD}
