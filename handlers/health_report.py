"""The answer of a health page: checks with their thresholds. The worst check is the status of the whole.

Knows no backend and no HTTP.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

HEALTHY, DEGRADED, UNHEALTHY = "healthy", "degraded", "unhealthy"


class Report(Struct, frozen=True):
    """The status of the whole, each check by name, and the backend's latency, None if it did not answer."""

    status: str
    checks: dict[str, dict[str, Any]]
    latency_ms: float | None

    def shown(self) -> dict[str, Any]:
        return {"status": self.status, "checks": self.checks, "latencyMs": self.latency_ms}


def check(well: bool, value: object, threshold: object, *, fails: bool = False) -> dict[str, Any]:
    """Return one check: degraded unless `well`, and unhealthy with `fails`, which means that requests fail."""
    return {"status": UNHEALTHY if fails else HEALTHY if well else DEGRADED, "value": value, "threshold": threshold}


def judged(checks: dict[str, dict[str, Any]], latency_ms: float | None) -> Report:
    """Return the report of a backend that answered: its status is that of its worst check."""
    found = {one["status"] for one in checks.values()}
    return Report(next((status for status in (UNHEALTHY, DEGRADED) if status in found), HEALTHY), checks, latency_ms)


def unreachable(reason: str) -> Report:
    """Return the report of a backend that did not answer."""
    return Report(UNHEALTHY, {"reachable": {"status": UNHEALTHY, "value": reason, "threshold": None}}, None)
