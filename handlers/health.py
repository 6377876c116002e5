"""/health, /health/ready, and the reports /health/performance, database, cache.

Proxies poll liveness, so it touches no backend.
"""

from __future__ import annotations

from time import monotonic
from typing import ClassVar, Literal, Protocol

import msgspec

from handlers.base import Handler
from handlers.documents.operation import Operation
from handlers.health_report import UNHEALTHY, HealthReport


class Readiness(Protocol):
    """Decides whether this process may receive traffic."""

    async def ready(self) -> str | None:
        """Return None if it may, else the reason."""


class About(msgspec.Struct, frozen=True):
    """What /health says of the process: chosen at start, and constant."""

    version: str
    store: str
    cache: str
    process_id: str
    started_at: float  # monotonic seconds


class Liveness(msgspec.Struct, frozen=True, rename="camel"):
    """The answer of /health; `uptime` is in seconds."""

    status: Literal["ok"]
    version: str
    uptime: float
    store: str
    cache: str
    process_id: str


class Ready(msgspec.Struct, frozen=True):
    """The answer of /health/ready of a process that may receive traffic."""

    status: Literal["ready"] = "ready"


class NotReady(msgspec.Struct, frozen=True):
    """The answer of /health/ready of one that may not, with the reason."""

    reason: str
    status: Literal["not ready"] = "not ready"


def liveness_of(about: About) -> Liveness:
    """Return the answer of /health."""
    uptime_s = round(monotonic() - about.started_at, 3)
    return Liveness("ok", about.version, uptime_s, about.store, about.cache, about.process_id)


class HealthHandler(Handler[About]):
    operations: ClassVar = {"GET": Operation(summary="See that the process lives", replies={200: Liveness})}
    is_public = True
    is_limited = False

    async def get(self) -> None:
        self.reply(liveness_of(self.services))


class ReadyHandler(Handler[Readiness]):
    operations: ClassVar = {
        "GET": Operation(summary="Ask whether the process may receive traffic", replies={200: Ready, 503: NotReady})
    }
    is_public = True
    is_limited = False

    async def get(self) -> None:
        reason = await self.services.ready()
        if reason is None:
            self.reply(Ready())
        else:
            self.reply(NotReady(reason), 503)


class Reporting(Protocol):
    """Reports the health of one backend."""

    async def report(self) -> HealthReport: ...


class ReportHandler(Handler[Reporting]):
    """/health/performance, /health/database, /health/cache: for operators."""

    compresses = ("GET",)
    operations: ClassVar = {
        "GET": Operation(
            summary="Check one part of the process against its thresholds",
            replies={200: HealthReport, 503: HealthReport},
        )
    }
    is_for_operators = True

    async def get(self) -> None:
        report = await self.services.report()
        self.reply(report, 503 if report.status == UNHEALTHY else 200)
