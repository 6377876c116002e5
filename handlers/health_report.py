"""The answer of a health page: checks with their thresholds; the worst check is the status of the whole.

Knows no backend and no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

Status = Literal["healthy", "degraded", "unhealthy"]

HEALTHY: Status = "healthy"
DEGRADED: Status = "degraded"
UNHEALTHY: Status = "unhealthy"


class HealthCheck(Struct, frozen=True):
    """One check: `value` was compared with `threshold`, which is None for a check without one."""

    status: Status
    value: object
    threshold: object


class HealthReport(Struct, frozen=True, rename="camel"):
    """The status of the whole, each check by name, and the backend's latency, None if it did not answer."""

    status: Status
    checks: Mapping[str, HealthCheck]
    latency_ms: float | None


def check(well: bool, value: object, threshold: object, *, fails: bool = False) -> HealthCheck:
    """Return one check: degraded unless `well`, and unhealthy with `fails`, which means that requests fail."""
    return HealthCheck(UNHEALTHY if fails else HEALTHY if well else DEGRADED, value, threshold)


def report_of(checks: Mapping[str, HealthCheck], latency_ms: float | None) -> HealthReport:
    """Return the report of a backend that answered: its status is that of its worst check."""
    found = {one.status for one in checks.values()}
    return HealthReport(
        next((status for status in (UNHEALTHY, DEGRADED) if status in found), HEALTHY), checks, latency_ms
    )


def unreachable(reason: str) -> HealthReport:
    """Return the report of a backend that did not answer."""
    return HealthReport(UNHEALTHY, {"reachable": HealthCheck(UNHEALTHY, reason, None)}, None)
