"""The slots of a single process: it counts its own connections, so there is nothing to keep."""

from __future__ import annotations

from collections.abc import Sequence


class MemoryConnectionSlots:
    """cluster.contract.ConnectionSlots where one process has all connections: the pool's own cap is the cap."""

    async def take(
        self, user_id: str, connection_id: str, *, replaces: str | None, alive: frozenset[str] | None
    ) -> bool:
        return True

    def leave(self, user_id: str, connection_id: str) -> None:
        """Nothing is kept."""

    def unsure(self) -> list[str]:
        return []

    async def reconcile(self, held: Sequence[tuple[str, Sequence[str]]]) -> int | None:
        return 0

    async def forgotten(self) -> bool:
        return False
