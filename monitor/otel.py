"""Exports spans with OpenTelemetry. No other module imports it.

Needs the extra `otel`. The exporter sends from a thread of its own, through a bounded queue.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import context
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

from monitor.spans import Spans

CLOSE_WITHIN_S = 3.0
EXPORT_WITHIN_S = 2
SERVER_ERROR = 500


def otlp(endpoint: str) -> SpanExporter:
    """Return an exporter to the collector at this URL, over HTTP (OTLP specification, section OTLP/HTTP)."""
    return OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_WITHIN_S)


class OtelSpans(Spans):
    """Exports through `exporter`. Spans that do not fit into its queue of 2,048 are dropped."""

    exports = True

    def __init__(self, *, exporter: SpanExporter, process_id: str, version: str) -> None:
        about = {"service.name": "chat-rooms", "service.version": version, "service.instance.id": process_id}
        self._provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("chat-rooms")
        self._is_closed = False

    def request(self, method: str, route: str) -> Callable[[int], None]:
        attributes = {"http.request.method": method, "http.route": route}
        span = self._tracer.start_span(f"{method} {route}", kind=SpanKind.SERVER, attributes=attributes)
        context.attach(set_span_in_context(span))  # never detached: the context ends with its task

        def end(status: int) -> None:
            span.set_attribute("http.response.status_code", status)
            if status >= SERVER_ERROR:
                span.set_status(StatusCode.ERROR)
            span.end()

        return end

    def child(self, name: str, **labels: str) -> AbstractContextManager[None]:
        return self._span(name, labels, None)

    def root(self, name: str, **labels: str) -> AbstractContextManager[None]:
        return self._span(name, labels, Context())

    @contextmanager
    def _span(self, name: str, labels: Mapping[str, str], parent: Context | None) -> Iterator[None]:
        # The message of an exception may contain a client's text: only its type is recorded.
        with self._tracer.start_as_current_span(
            name, parent, attributes=labels, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except Exception as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            # The SDK's shutdown has no time limit. Spans that an unreachable collector has not taken by then are lost.
            closing = threading.Thread(target=self._provider.shutdown, name="spans-close", daemon=True)
            closing.start()
            closing.join(CLOSE_WITHIN_S)
