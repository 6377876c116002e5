"""What operators send about metrics: queries."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from chat.request_inputs.fields import Input, prepared
from common.rfc3339 import normalized

SCOPES = ("process", "cluster")
SNAPSHOT_MINUTES_MAX = 1440


def known_scope(text: str) -> str:
    """Return the scope. Raises ValueError for an unknown one."""
    if text not in SCOPES:
        raise ValueError(f"takes {' or '.join(SCOPES)}")
    return text


ScopeName = Annotated[str, prepared(known_scope, enum=SCOPES)]


class Scope(Input, frozen=True):
    """?scope="""

    scope: ScopeName = "process"


class SnapshotQuery(Input, frozen=True):
    """GET /metrics/snapshot. `process`: another one than that which answers. `minutes`: of history, none without it;
    `since`: only what began at that time or later.
    """

    scope: ScopeName = "process"
    process: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    minutes: Annotated[int, Meta(ge=1, le=SNAPSHOT_MINUTES_MAX)] | None = None
    since: Annotated[str, prepared(normalized, format="date-time")] | None = None


class HistoryQuery(Input, frozen=True):
    """GET /metrics/history. Which metrics there are, and how many minutes, is only known when it is asked."""

    metric: str = ""
    minutes: str = "60"
