"""The connection slots of a single process, which counts its own connections: there is no state to keep."""

from __future__ import annotations

from collections.abc import Sequence


class MemoryConnectionSlots:
    """cluster.contract.ConnectionSlots for a process that has all connections: the pool's own cap is the only one."""

    async def acquire(
        self, user_id: str, connection_id: str, *, replaces: str | None, alive: frozenset[str] | None
    ) -> bool:
        return True

    def release(self, user_id: str, connection_id: str) -> None:
        """Do nothing."""

    def unconfirmed_users(self) -> list[str]:
        return []

    async def reconcile(self, held: Sequence[tuple[str, Sequence[str]]]) -> int | None:
        return 0

    async def forgotten(self) -> bool:
        return False
