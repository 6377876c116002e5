"""Builds the server of one process: the chat, the monitoring, and the HTTP server.

storage.py and cluster.py come first: they open the store and the connections to Redis.
"""

from __future__ import annotations

import asyncio

import msgspec

from app.composition.chat import Chat, build_chat
from app.composition.cluster import Cluster
from app.composition.monitoring import Monitoring, build_monitoring
from app.composition.web import build_web
from app.readiness import Readiness
from app.settings import Settings
from handlers.http.server import BoundedHTTPServer
from limits.whitelist import Whitelist
from monitor.counting_observer import CountingObserver
from monitor.loop_lag import LoopLag
from monitor.observer import Observer
from monitor.part_metrics import MeasuredPart
from monitor.spans import Spans
from store.contract import Store


class Server(msgspec.Struct, frozen=True):
    """The finished parts of a process; none is started."""

    chat: Chat
    monitoring: Monitoring
    readiness: Readiness
    http: BoundedHTTPServer


def build_server(
    settings: Settings,
    *,
    store: Store,
    secret: str,
    shared: Cluster,
    whitelist: Whitelist,
    process_id: str,
    counting_observer: CountingObserver | None,
    spans: Spans,
    log_output: MeasuredPart | None,
) -> Server:
    """Build the parts on a running event loop. `counting_observer` is None where nothing is measured."""
    observer = Observer() if counting_observer is None else counting_observer
    lag = LoopLag(loop=asyncio.get_running_loop(), on_lag=observer.loop_lag)
    chat = build_chat(
        settings,
        store=store,
        secret=secret,
        shared=shared,
        whitelist=whitelist,
        process_id=process_id,
        observer=observer,
        lag=lag,
    )
    monitoring = build_monitoring(
        settings,
        store=store,
        shared=shared,
        chat=chat,
        process_id=process_id,
        counting_observer=counting_observer,
        lag=lag,
        log_output=log_output,
    )
    readiness = Readiness(pool=chat.pool, store=store)
    http = build_web(
        settings,
        store=store,
        shared=shared,
        chat=chat,
        monitoring=monitoring,
        readiness=readiness,
        process_id=process_id,
        observer=observer,
        spans=spans,
    )
    return Server(chat, monitoring, readiness, http)
