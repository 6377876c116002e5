"""Whether traces are exported, and what has spans then: requests, commands, the store, the cache and the bus."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from app.build_cluster import Cluster
from app.settings import Settings
from chat.codec import Envelope
from chat.connections.command_table import Commands
from chat.connections.session import Session
from common.startup_error import StartupError
from monitor.spans import Spans
from monitor.traced_calls import traced
from store.contract import Store

COLLECTIONS = ("users", "sessions", "rooms", "members", "messages", "changes", "files", "monitoring")


def opened(settings: Settings, *, process_id: str, version: str) -> Spans:
    """Who exports, or nobody. Raises StartupError where an endpoint is set and what sends there is not installed."""
    endpoint = settings.monitor.otlp_endpoint
    if endpoint is None:
        return Spans()
    try:  # an extra, and its import takes its time
        from monitor.otel import OtelSpans, otlp
    except ImportError as error:
        how = "pip install 'chat-rooms[otel]', or in a checkout --editable '.[otel]'"
        raise StartupError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT is set, and the extra `otel` is not installed: {how}"
        ) from error
    return OtelSpans(exporter=otlp(endpoint), process_id=process_id, version=version)


def store_with(store: Store, spans: Spans) -> Store:
    """The store, with spans where there are any."""
    return traced(store, span=spans.child, prefix="store", parts=COLLECTIONS) if spans.exports else store


def cluster_with(shared: Cluster, spans: Spans) -> Cluster:
    """Cache and bus likewise."""
    if not spans.exports:
        return shared
    labels = {name: lambda key, _: {"kind": key.kind.name} for name in ("get_or_load", "update")}
    cache = traced(shared.cache, span=spans.child, prefix="cache", labels=labels)
    return msgspec.structs.replace(shared, cache=cache, bus=traced(shared.bus, span=spans.child, prefix="bus"))


def commands_with(commands: Commands, spans: Spans) -> Commands:
    """A command begins a trace: the task it runs in has that of the handshake, which is long over."""
    if not spans.exports:
        return commands

    def label(session: Session, envelope: Envelope) -> Mapping[str, str]:
        return {"command": commands.name_of(envelope.event)}

    return traced(commands, span=spans.root, prefix="command", labels={"execute": label})
