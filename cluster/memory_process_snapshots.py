"""The snapshots of a single process: there is no other process to read them."""

from __future__ import annotations


class MemorySnapshots:
    """cluster.contract.Snapshots for a process that is alone."""

    def publish(self, payload: bytes, *, at_s: float, ttl_s: float) -> None:
        """Do nothing."""

    async def read_all(self) -> list[bytes] | None:
        return []

    def withdraw(self) -> None:
        """Do nothing."""
