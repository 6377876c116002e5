"""Builds the HTTP side of one process: the handlers with the services they use, behind one bounded HTTP server."""

from __future__ import annotations

import time
from pathlib import Path

from app.composition.chat import Chat
from app.composition.cluster import Cluster
from app.composition.monitoring import Monitoring, thresholds_from
from app.settings import Settings
from app.tracing import trace_commands
from app.version import VERSION
from chat.fair_places import FairPlaces
from handlers.access_log import refusal_log
from handlers.assets.asset_files import load_assets
from handlers.cache_health import CacheHealth
from handlers.client_address import ClientAddresses
from handlers.database_health import DatabaseHealth
from handlers.files import DOWNLOADS_AT_ONCE, FREE_PER_DOWNLOAD, FileServices
from handlers.health import About, Readiness
from handlers.http.http_bounds import HttpBounds
from handlers.http.running_handlers import RunningHandlers
from handlers.http.server import BoundedHTTPServer
from handlers.messages import MessageServices
from handlers.metrics import MetricPages
from handlers.metrics_dashboard import DashboardSnapshots
from handlers.moderation import ModerationServices
from handlers.operator_access import Operators
from handlers.performance_health import PerformanceHealth
from handlers.rooms import RoomServices
from handlers.routes import Services, make_application
from handlers.service_worker import with_shell_files
from handlers.shared_services import SharedServices
from handlers.websocket_connection_factory import LinkConfig, WebSocketConnectionFactory
from handlers.websocket_upgrades import WebSocketUpgrades
from handlers.wire.compression import Deflater, Inflation
from monitor.metric_thresholds import thresholds_by_metric
from monitor.observer import Observer
from monitor.spans import Spans
from store.contract import Store

WEB = Path(__file__).parent.parent.parent / "web"
FOR_OTHER_SITES = ("chat.js",)  # modules that other sites import, each served as one file


def build_web(
    settings: Settings,
    *,
    store: Store,
    shared: Cluster,
    chat: Chat,
    monitoring: Monitoring,
    readiness: Readiness,
    process_id: str,
    observer: Observer,
    spans: Spans,
) -> BoundedHTTPServer:
    """Build the HTTP server; it does not listen yet."""
    ws = settings.ws
    thresholds = thresholds_from(settings)
    database_health = DatabaseHealth(store=store, thresholds=thresholds, now=time.monotonic)
    cache_health = CacheHealth(
        cache=shared.cache,
        bus=shared.bus,
        limiter=shared.limiter if shared.is_shared and settings.limits.enabled else None,
        counts=shared.counts,
        thresholds=thresholds,
        now=time.monotonic,
    )
    link_config = LinkConfig(
        max_message_bytes=ws.max_message_bytes,
        outbox_max_bytes=ws.outbox_max_bytes,
        budget=monitoring.budget,
        traffic=monitoring.traffic,
        paced_callbacks=chat.paced_callbacks,
        frames=settings.limits.frames if settings.limits.enabled else None,
        deflater=Deflater() if ws.compression else None,
        inflation=Inflation(max_message_bytes=ws.max_message_bytes) if ws.compression else None,
        unacked_max_s=ws.ping_interval_s + ws.ping_timeout_s,
        heartbeat_interval_s=ws.ping_interval_s,
        process_id=process_id,
        now=time.monotonic,
    )
    about = About(
        version=VERSION,
        store=store.name,
        cache=shared.cache_name,
        process_id=process_id,
        started_at=time.monotonic(),
    )
    store_queue_max = chat.conversation.message_writer.max_waiting
    performance_health = PerformanceHealth(
        newest=lambda: monitoring.monitor.newest_sample,
        connections=lambda: chat.pool.connections,
        store_queue=lambda: chat.conversation.message_writer.waiting,
        store_queue_max=store_queue_max,
        thresholds=thresholds,
    )
    metric_pages = MetricPages(
        metrics_collector=monitoring.monitor.metrics_collector,
        database_health=database_health,
        cache_health=cache_health,
        newest=lambda: monitoring.monitor.newest_sample,
        forecasts=lambda: monitoring.alert_pipeline.forecaster.forecasts,
    )
    running = RunningHandlers()
    services = Services(
        shared=SharedServices(
            accounts=chat.account_parts.accounts,
            logins=chat.account_parts.logins,
            profiles=chat.account_parts.profiles,
            limits=chat.limits,
            clients=ClientAddresses(trusted=settings.server.trusted_proxies, now=time.monotonic),
            cors_origins=settings.server.cors_origins,
            operators=Operators(
                networks=settings.monitor.metrics_allow,
                hosts=frozenset(settings.monitor.metrics_hosts),
                administrators=chat.account_parts.administrators,
            ),
            observer=observer,
            spans=spans,
            running=running,
        ),
        rooms=RoomServices(
            rooms=chat.conversation.rooms,
            settings=chat.conversation.room_settings,
            deletion=chat.conversation.room_deletion,
            messages=chat.conversation.messages,
        ),
        account_deletion=chat.conversation.account_deletion,
        user_settings=chat.account_parts.settings,
        blocks=chat.account_parts.blocks,
        data_export=chat.account_parts.data_export,
        invites=chat.invites,
        moderation=ModerationServices(
            rooms=chat.conversation.rooms,
            members=chat.conversation.member_moderation,
            bans=chat.conversation.bans,
            reports=chat.conversation.reports,
            audit=chat.conversation.audit_trail,
        ),
        messages=MessageServices(
            chat.conversation.messages, chat.conversation.message_changes, chat.conversation.threads
        ),
        search=chat.conversation.search,
        bots=chat.conversation.bot_parts.bots,
        webhooks=chat.conversation.bot_parts.webhooks,
        files=FileServices(
            files=chat.file_parts.files,
            incoming=chat.file_parts.incoming,
            places=FairPlaces(
                total=DOWNLOADS_AT_ONCE,
                free_per_held=FREE_PER_DOWNLOAD,
                refusal="Too many downloads are under way.",
                retry_after_s=1,
            ),
            file_max_bytes=settings.files.max_file_size_bytes,
            is_embeddable=bool(settings.server.cors_origins),
        ),
        about=about,
        readiness=readiness,
        database_health=database_health,
        cache_health=cache_health,
        performance_health=performance_health,
        metrics_collector=monitoring.monitor.metrics_collector,
        metric_pages=metric_pages,
        dashboard_snapshots=DashboardSnapshots(
            about=about,
            metrics_collector=monitoring.monitor.metrics_collector,
            metric_pages=metric_pages,
            performance_health=performance_health,
            database_health=database_health,
            cache_health=cache_health,
            alerts=monitoring.alert_pipeline.alerts,
            history=monitoring.alert_pipeline.history,
            thresholds=lambda gauges: thresholds_by_metric(thresholds, gauges=gauges, store_queue_max=store_queue_max),
            room=chat.conversation.rooms.known,
            now=time.time,
        ),
        alert_pipeline=monitoring.alert_pipeline,
        assets=with_shell_files(load_assets(WEB, bundles=FOR_OTHER_SITES)),
        connection_factory=WebSocketConnectionFactory(
            pool=chat.pool,
            revocations=chat.revocations,
            authentication=chat.authentication,
            commands=trace_commands(chat.commands, spans),
            link_config=link_config,
            codec=chat.codec,
            observer=observer,
        ),
    )
    upgrades = WebSocketUpgrades(path="/ws", shared=services.shared, factory=services.connection_factory)
    return BoundedHTTPServer(
        make_application(services),
        bounds=HttpBounds(),
        trusted_proxies=settings.server.trusted_proxies,
        on_refusal=refusal_log(observer),
        # Where spans are exported each handshake has one, so each is the handler's
        upgrades=None if spans.exports else upgrades,
        running=running,
    )
