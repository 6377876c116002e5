"""The result of inspecting a cache backend, for health checks and metrics. Owns shapes only."""

from __future__ import annotations

from msgspec import Struct


class CacheInspection(Struct, frozen=True, rename="camel"):
    """One inspection of a cache. What a backend does not know is None.

    `latency_ms`: of one command, None where no command is sent. `evictions`: values evicted for lack of room since the
    backend started. `clients`: all connections to the backend, those of other programs included.
    """

    backend: str
    entries: int | None = None
    used_bytes: int | None = None
    max_bytes: int | None = None
    evictions: int | None = None
    clients: int | None = None
    latency_ms: float | None = None


class CacheUnreachable(Exception):
    """The backend does not answer; the server works from the store."""
