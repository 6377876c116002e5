"""What an operator wants to know of a cache now. Owns shapes only."""

from __future__ import annotations

from msgspec import Struct


class CacheState(Struct, frozen=True, rename="camel"):
    """A cache, looked at.

    `latency_ms`: of a command, None where none is sent; sizes in bytes; what a backend does not tell is None.

    `evictions`: values that had to go for others, since the backend started; `clients`: connections to it, those of
    others included.
    """

    backend: str
    entries: int | None = None
    used_bytes: int | None = None
    max_bytes: int | None = None
    evictions: int | None = None
    clients: int | None = None
    latency_ms: float | None = None


class CacheAway(Exception):
    """The backend cannot be asked; the server works from the store."""
