"""/metrics/history and /metrics/alerts, for operators."""

from __future__ import annotations

from collections.abc import Callable

from chat.errors import ChatError
from chat.protocol import HistoryQuery, InputDecoder
from common.text_numbers import whole_number
from handlers.base import Handler
from monitor.alerts import Alerts
from monitor.history import History, HistoryQueryError

QUERY = InputDecoder(HistoryQuery)


class HistoryHandler(Handler):
    """The points of one metric; `now` gives wall-clock seconds."""

    is_for_operators = True
    history: History
    now: Callable[[], float]

    async def get(self) -> None:
        query = self.query(QUERY)
        # A text that is no number gets the same error as one out of range: it lists the allowed values
        try:
            minutes = whole_number(query.minutes)
        except ValueError:
            minutes = 0
        try:
            shown = await self.history.query(query.metric, minutes, now_s=self.now())
        except HistoryQueryError as error:
            raise ChatError("validation_failed", details=error.details) from error
        self.reply(shown)


class AlertsHandler(Handler):
    """The active alerts, and those that have ended."""

    is_for_operators = True
    alerts: Alerts

    async def get(self) -> None:
        self.reply(self.alerts.shown())
