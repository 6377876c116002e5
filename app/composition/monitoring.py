"""Builds the monitoring of one process from the settings: which parts are sampled, which history is kept where, which
alerts there are, and where they are sent.
"""

from __future__ import annotations

import socket
import time
from functools import partial

import msgspec

from app.composition.chat import Chat
from app.composition.cluster import Cluster
from app.deployment_check import CheckItem
from app.settings import Settings
from handlers.wire.total_outbox_budget import OutboxBudget
from handlers.wire.traffic_counts import Traffic
from monitor.alert_log import AlertLog
from monitor.alert_pipeline import AlertPipeline
from monitor.alert_rules import rules
from monitor.alert_thresholds import Thresholds
from monitor.alert_webhook import AlertWebhook
from monitor.alerts import Alerts
from monitor.counting_observer import CountingObserver
from monitor.forecaster import Forecaster, resources
from monitor.history import History
from monitor.history_writer import HistoryWriter
from monitor.loop_lag import LoopLag
from monitor.part_metrics import MeasuredPart
from monitor.process_monitor import ProcessMonitor
from store.contract import Monitoring as MonitoringStore
from store.contract import Store

# The source of the history of a process that does not share its store: the same on another machine or port.
ALONE = "server"


class Monitoring(msgspec.Struct, frozen=True, kw_only=True):
    """The finished parts. `budget` and `traffic` count the bytes in the outboxes and on the sockets of this process."""

    monitor: ProcessMonitor
    alert_pipeline: AlertPipeline
    lag: LoopLag
    budget: OutboxBudget
    traffic: Traffic


def build_monitoring(
    settings: Settings,
    *,
    store: Store,
    shared: Cluster,
    chat: Chat,
    process_id: str,
    counting_observer: CountingObserver | None,
    lag: LoopLag,
    log_output: MeasuredPart | None,
) -> Monitoring:
    """Build the parts; none is started. `log_output` writes the log and counts the lines it drops, if any."""
    budget, traffic = OutboxBudget(settings.ws.outbox_total_bytes), Traffic()
    alert_pipeline = _alert_pipeline(settings, monitoring=store.monitoring, process_id=process_id)
    monitor = ProcessMonitor(
        process_id=process_id,
        counting_observer=counting_observer,
        data_dir=settings.server.data_dir if settings.mongo.uri is None else None,
        parts=(
            chat.pool,
            chat.hub,
            chat.conversation.message_writer,
            chat.file_parts.incoming,
            chat.shedding,
            shared.bus,
            shared.limiter,
            store,
            budget,
            traffic,
            alert_pipeline.forecaster,
            *(() if log_output is None else (log_output,)),
        ),
        busiest=chat.hub.busiest,
        publish_snapshot=shared.snapshots.publish if shared.is_shared else None,
        fetch_snapshots=shared.snapshots.read_all,
        lag=lag,
        interval_s=settings.monitor.interval_s,
        subscribers=(alert_pipeline.on_sample,),
        reserve=alert_pipeline.history.reserve,
        active_alerts=lambda: alert_pipeline.alerts.active,
    )
    return Monitoring(monitor=monitor, alert_pipeline=alert_pipeline, lag=lag, budget=budget, traffic=traffic)


def _alert_pipeline(settings: Settings, *, monitoring: MonitoringStore, process_id: str) -> AlertPipeline:
    """Build what processes the samples. It must be closed before the store."""
    monitor = settings.monitor
    # Several processes share a store: the address tells them apart, since the process id changes with each start.
    source = f"{socket.gethostname()}:{settings.server.port}" if settings.redis.configured else ALONE

    history = History(
        interval_s=monitor.interval_s,
        older=lambda metric, since, until, step: monitoring.read(
            source, metric, since_minute=since, until_minute=until, step_minutes=step
        ),
        retention_days=monitor.retention_days,
    )
    thresholds = thresholds_from(settings)
    return AlertPipeline(
        history=history,
        forecaster=Forecaster(
            history=history,
            resources=resources(connections_max=settings.ws.max_connections, memory_percent=thresholds.memory_percent),
        ),
        alerts=Alerts(rules=rules(thresholds, interval_s=monitor.interval_s)),
        alert_log=AlertLog(),
        history_writer=HistoryWriter(
            history=history,
            append=partial(monitoring.append, source),
            forget=monitoring.forget,
            retention_days=monitor.retention_days,
            now=time.time,
        ),
        webhook=AlertWebhook(url=monitor.alert_webhook_url, process_id=process_id)
        if monitor.alert_webhook_url
        else None,
    )


def check_items(settings: Settings) -> list[CheckItem]:
    """Return the items of `server.py check` about monitoring."""
    return [CheckItem("alerts", lambda: _check_alerts(settings))]


async def _check_alerts(settings: Settings) -> str:
    """Return the number of alerts and where they are sent. Raises ValueError for a threshold that is always met."""
    if not settings.monitor.enabled:
        return "off with ENABLE_PERFORMANCE_MONITORING"
    made = rules(thresholds_from(settings), interval_s=settings.monitor.interval_s)
    for rule in made:
        if rule.threshold <= 0:
            raise ValueError(f"{rule.name} would be raised for ever: its threshold is 0")
    return f"{len(made)}, to the log" + (" and a webhook" if settings.monitor.alert_webhook_url is not None else "")


def thresholds_from(settings: Settings) -> Thresholds:
    """Return the thresholds that alerts and health checks share."""
    monitor = settings.monitor
    return Thresholds(
        cpu_percent=monitor.alert_cpu_percent,
        memory_percent=monitor.alert_memory_percent,
        connections=monitor.alert_connections,
        slow_query_ms=monitor.alert_slow_query_ms,
        cache_latency_ms=settings.redis.timeout_ms,
        cache_miss_percent=monitor.alert_cache_miss_percent,
        pool_percent=monitor.alert_pool_percent,
    )
