"""The gauges and counters that one part of the process has at hand, also where nothing is measured.

Owns the shape only. The families are in monitor/metric_families.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from monitor.metric_families import Labels, Number


class PartMetrics(Struct, frozen=True, kw_only=True):
    """Gauges by family; counters by family, with their label values."""

    gauges: Mapping[str, Number] = {}
    counters: Mapping[str, Sequence[tuple[Labels, Number]]] = {}


class MeasuredPart(Protocol):
    """A part with metrics of its own."""

    def metrics(self) -> PartMetrics:
        """Return the present values. Called with each sample and each scrape, on the event loop: must not wait."""
