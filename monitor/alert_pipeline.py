"""Passes each sample to the history, the forecasts and the alerts, and each alert to the log and the webhook."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from monitor.alert_log import AlertLog
from monitor.alert_webhook import AlertWebhook
from monitor.alerts import Alerts
from monitor.forecaster import Forecaster
from monitor.history import History
from monitor.history_writer import HistoryWriter


class AlertPipeline:
    """A subscriber of the sampler. `history_writer` and `webhook` are optional; `now` is monotonic, in seconds."""

    def __init__(
        self,
        *,
        history: History,
        forecaster: Forecaster,
        alerts: Alerts,
        alert_log: AlertLog,
        history_writer: HistoryWriter | None = None,
        webhook: AlertWebhook | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.history = history
        self.forecaster = forecaster
        self.alerts = alerts
        self._alert_log = alert_log
        self._history_writer = history_writer
        self._webhook = webhook
        self._now = now

    def on_sample(self, at_epoch_s: float, sample: Mapping[str, float]) -> None:
        """Process a sample taken at `at_epoch_s`. Must be called on the event loop; does not wait."""
        is_minute_over = self.history.add(at_epoch_s, sample)
        timed_s = self._now()
        self.forecaster.on_sample(at_epoch_s, timed_s)
        events = self.alerts.evaluate(at_epoch_s, {**sample, **self.forecaster.hours_left}, timed_s=timed_s)
        self._alert_log.write(events, self.alerts.active, timed_s)
        if self._webhook is not None:
            for event in events:
                self._webhook.post(event)
        if is_minute_over and self._history_writer is not None:
            self._history_writer.on_minute_over()

    async def close(self) -> None:
        """Write and post what is queued, within a few seconds.

        To be called after the sampler stops and before the store closes. Idempotent.
        """
        parts = (self.forecaster, self._history_writer, self._webhook)
        await asyncio.gather(*(part.close() for part in parts if part is not None))
