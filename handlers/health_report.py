"""What a health page answers: checks held against thresholds, the whole as well as the worst of them.

Knows no backend and no HTTP.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

HEALTHY, DEGRADED, UNHEALTHY = "healthy", "degraded", "unhealthy"


class Report(Struct, frozen=True):
    """`status` of the whole, each check, and how long the backend took to answer, if it did."""

    status: str
    checks: dict[str, dict[str, Any]]
    latency_ms: float | None

    def shown(self) -> dict[str, Any]:
        return {"status": self.status, "checks": self.checks, "latencyMs": self.latency_ms}


def check(well: bool, value: object, threshold: object, *, fails: bool = False) -> dict[str, Any]:
    """One check that degrades the whole if it is not well, and with `fails` makes it unhealthy: requests fail."""
    return {"status": UNHEALTHY if fails else HEALTHY if well else DEGRADED, "value": value, "threshold": threshold}


def judged(checks: dict[str, dict[str, Any]], latency_ms: float | None) -> Report:
    """What answered: as well as the worst of its checks."""
    found = {one["status"] for one in checks.values()}
    return Report(next((status for status in (UNHEALTHY, DEGRADED) if status in found), HEALTHY), checks, latency_ms)


def unreachable(reason: str) -> Report:
    """A backend that did not answer."""
    return Report(UNHEALTHY, {"reachable": {"status": UNHEALTHY, "value": reason, "threshold": None}}, None)
