"""/metrics/history and /metrics/alerts, for operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from msgspec import Struct

from chat.errors import ChatError
from chat.request_inputs.metrics import HistoryQuery
from common.number_parsing import whole_number
from handlers.base import Handler
from handlers.codec.input_decoder import InputDecoder
from handlers.documents.operation import Operation
from monitor.alerts import AlertLists, Alerts
from monitor.history import History, HistoryQueryError, MetricHistory

QUERY = InputDecoder(HistoryQuery)


class HistoryReading(Struct, frozen=True):
    """The history, and the wall clock in seconds."""

    history: History
    now: Callable[[], float]


class HistoryHandler(Handler[HistoryReading]):
    """One metric's points."""

    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(
            summary="Read the points of one metric",
            query=QUERY,
            replies={200: MetricHistory},
            example={"metric": "connections", "minutes": "5"},
        )
    }
    is_for_operators = True

    async def get(self) -> None:
        query = self.query(QUERY)
        # A text that is no number gets the same error as one out of range: it lists the allowed values
        try:
            minutes = whole_number(query.minutes)
        except ValueError:
            minutes = 0
        try:
            shown = await self.services.history.query(query.metric, minutes, now_s=self.services.now())
        except HistoryQueryError as error:
            raise ChatError("validation_failed", details=error.details) from error
        self.reply(shown)


class AlertsHandler(Handler[Alerts]):
    """The active alerts, and those that have ended."""

    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(summary="List the active alerts, and those that have ended", replies={200: AlertLists})
    }
    is_for_operators = True

    async def get(self) -> None:
        self.reply(self.services.shown())
