"""What a task of a client process is, and what it uses of the worker that steps it."""

from __future__ import annotations

import selectors
from typing import Protocol

from bench.client.connection import Connection
from bench.client.delivery_stats import DeliveryStats
from bench.client.worker_protocol import WorkerResult


class WorkerState(Protocol):
    """What a task uses of the worker that runs it."""

    stats: DeliveryStats
    selector: selectors.DefaultSelector
    connections: list[Connection]


class WorkerTask(Protocol):
    """`step` returns the result, or None while the task is not finished."""

    @property
    def ready(self) -> int: ...

    def step(self, now_ns: int) -> WorkerResult | None: ...

    def timeout_s(self, now_ns: int, at_most_s: float) -> float: ...
