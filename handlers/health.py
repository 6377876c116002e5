"""/health, /health/ready, and the reports /health/performance, database, cache.

Proxies poll liveness, so it touches no backend.
"""

from __future__ import annotations

from time import monotonic
from typing import Protocol

import msgspec

from handlers.base import Handler
from handlers.health_report import UNHEALTHY, Report


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


class HealthHandler(Handler[About]):
    is_public = True
    is_limited = False

    async def get(self) -> None:
        about = self.services
        self.reply(
            {
                "status": "ok",
                "version": about.version,
                "uptime": round(monotonic() - about.started_at, 3),
                "store": about.store,
                "cache": about.cache,
                "processId": about.process_id,
            }
        )


class ReadyHandler(Handler[Readiness]):
    is_public = True
    is_limited = False

    async def get(self) -> None:
        reason = await self.services.ready()
        if reason is None:
            self.reply({"status": "ready"})
        else:
            self.reply({"status": "not ready", "reason": reason}, 503)


class Reporting(Protocol):
    """Reports the health of one backend."""

    async def report(self) -> Report: ...


class ReportHandler(Handler[Reporting]):
    """/health/performance, /health/database, /health/cache: for operators."""

    compresses = ("GET",)
    is_for_operators = True

    async def get(self) -> None:
        report = await self.services.report()
        self.reply(report, 503 if report.status == UNHEALTHY else 200)
