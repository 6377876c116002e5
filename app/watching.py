"""What the settings make of the samples: which history is kept where, which alerts there are,
and who is told of them.
"""

from __future__ import annotations

import socket
import time
from functools import partial

from app.checks import Item
from app.settings import Settings
from app.thresholds import thresholds_from
from monitor.alert_log import AlertLog
from monitor.alert_pipeline import AlertPipeline
from monitor.alert_rules import rules
from monitor.alert_webhook import AlertWebhook
from monitor.alerts import Alerts
from monitor.history import History
from monitor.history_writer import HistoryWriter
from store.contract import Monitoring

# The name under which the history of a process that has its store alone is kept: it is the same on another machine, or
# port.
ALONE = "server"


def watch(settings: Settings, *, monitoring: Monitoring, process_id: str) -> AlertPipeline:
    """What the sampler is to call `on_sample` of, and `close` before the store is."""
    monitor = settings.monitor
    # Together, each process finds what was its own by where it listens: its id is a new one with each start.
    source = f"{socket.gethostname()}:{settings.server.port}" if settings.redis.configured else ALONE

    history = History(
        interval_s=monitor.interval_s,
        older=lambda metric, since, until, step: monitoring.read(
            source, metric, since_minute=since, until_minute=until, step_minutes=step
        ),
        retention_days=monitor.retention_days,
    )
    return AlertPipeline(
        history=history,
        alerts=Alerts(rules=rules(thresholds_from(settings), interval_s=monitor.interval_s)),
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


def items(settings: Settings) -> list[Item]:
    """What the pre-deployment check asks of it."""
    return [Item("alerts", lambda: _look(settings))]


async def _look(settings: Settings) -> str:
    """Which alerts there are. Raises ValueError for a threshold that is always met."""
    if not settings.monitor.enabled:
        return "off with ENABLE_PERFORMANCE_MONITORING"
    made = rules(thresholds_from(settings), interval_s=settings.monitor.interval_s)
    for rule in made:
        if rule.threshold <= 0:
            raise ValueError(f"{rule.name} would be raised for ever: its threshold is 0")
    return f"{len(made)}, to the log" + (" and a webhook" if settings.monitor.alert_webhook_url is not None else "")
