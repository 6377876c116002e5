"""What a single process tells the others of itself: there are none."""

from __future__ import annotations


class MemorySnapshots:
    """cache.contract.Snapshots where one process is all there is."""

    def tell(self, payload: bytes, *, at_s: float, ttl_s: float) -> None:
        """Nobody listens."""

    async def told(self) -> list[bytes] | None:
        return []

    def leave(self) -> None:
        """Nothing was told."""
