"""What operators send about metrics: queries."""

from __future__ import annotations

from chat.request_inputs.fields import Input


class HistoryQuery(Input, frozen=True):
    """GET /metrics/history. Which metrics there are, and how many minutes, is only known when it is asked."""

    metric: str = ""
    minutes: str = "60"
