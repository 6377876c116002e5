"""Opens the exporter of traces if one is set, and puts spans around the store, the cache, the bus and the commands."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from app.composition.cluster import Cluster
from app.settings import Settings
from chat.codec import Envelope
from chat.connections.command_table import Commands
from chat.connections.session import Session
from common.callback_tasks import CallbackTasks
from common.startup_error import StartupError
from monitor.spans import Spans
from monitor.traced_calls import traced
from store.contract import Store

COLLECTIONS = tuple(Store.__annotations__)  # all that the contract has


def open_spans(settings: Settings, *, process_id: str, version: str) -> Spans:
    """Return the spans of OTEL_EXPORTER_OTLP_ENDPOINT; without it, spans that record nothing.

    Raises StartupError if it is set and the extra `otel` is not installed.
    """
    endpoint = settings.monitor.otlp_endpoint
    if endpoint is None:
        return Spans()
    try:  # imported only here: it is an extra, and slow to import
        from monitor.otel import OtelSpans, otlp
    except ImportError as error:
        how = "pip install 'chat-rooms[otel]', or in a checkout --editable '.[otel]'"
        raise StartupError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT is set, and the extra `otel` is not installed: {how}"
        ) from error
    return OtelSpans(exporter=otlp(endpoint), process_id=process_id, version=version)


def trace_store(store: Store, spans: Spans, calls: CallbackTasks) -> Store:
    """Return the store, traced if spans are exported. Then `calls` has the tasks of writes that are waited for by a
    callback; the caller closes it, before the store.
    """
    if not spans.exports:
        return store
    return traced(store, span=spans.child, prefix="store", calls=calls, parts=COLLECTIONS)


def trace_cluster(shared: Cluster, spans: Spans) -> Cluster:
    """Return what processes share, its cache and bus traced if spans are exported."""
    if not spans.exports:
        return shared
    labels = {name: lambda key, _: {"kind": key.kind.name} for name in ("get_or_load", "update")}
    cache = traced(shared.cache, span=spans.child, prefix="cache", plain=("update",), labels=labels)
    bus = traced(shared.bus, span=spans.child, prefix="bus", plain=("publish",))
    return msgspec.structs.replace(shared, cache=cache, bus=bus)


def trace_commands(commands: Commands, spans: Spans) -> Commands:
    """Return the commands, traced if spans are exported. Each begins a trace: its task inherits the handshake's, which
    ended long ago.
    """
    if not spans.exports:
        return commands

    def label(session: Session, envelope: Envelope) -> Mapping[str, str]:
        return {"command": commands.name_of(envelope.event)}

    in_tasks = {"prepare": lambda session, envelope: None}  # a span is a task's
    return traced(commands, span=spans.root, prefix="command", labels={"execute": label}, replaced=in_tasks)
