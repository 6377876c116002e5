"""What every store backend guarantees: one Protocol for each collection, in modules by noun. Knows no driver.

These guarantees hold for all methods:
- a write that returned is durable: `kill -9` of any process at any later moment does not lose it;
- a write that raised `StoreUnavailable` was not confirmed, one that raised `StoreTimeout` may have happened;
- a read sees every write that returned before the read began, in any process. The values of one call are consistent:
  a room's seq and rev are read no later than what they describe (SQLite: one snapshot);
- reads never wait for writes; every call ends within the store's timeout, with `StoreTimeout` at the latest;
- queues are bounded: past them a call raises `StoreUnavailable("stalled")` at once and has no effect.
"""

from __future__ import annotations

from typing import Protocol

from monitor.part_metrics import PartMetrics
from store.contract.avatars import Avatars
from store.contract.bots import Bots, Webhooks
from store.contract.files import Files
from store.contract.invites import Invites
from store.contract.messages import Changes, Messages
from store.contract.moderation import AuditTrail, Bans, Moderation, Reports
from store.contract.monitoring import Monitoring
from store.contract.people import Blocks, EndedAccounts, Sessions, Settings, Users
from store.contract.rooms import Members, Rooms
from store.store_inspection import PoolState, StoreInspection

__all__ = [
    "AuditTrail",
    "Avatars",
    "Bans",
    "Blocks",
    "Bots",
    "Changes",
    "EndedAccounts",
    "Files",
    "Invites",
    "Members",
    "Messages",
    "Moderation",
    "Monitoring",
    "Reports",
    "Rooms",
    "Sessions",
    "Settings",
    "Store",
    "Users",
    "Webhooks",
]


class Store(Protocol):
    """An open backend. The package's `open_store` returns it, and raises StartupError in one line."""

    users: Users
    bots: Bots
    webhooks: Webhooks
    sessions: Sessions
    rooms: Rooms
    members: Members
    messages: Messages
    changes: Changes
    files: Files
    avatars: Avatars
    invites: Invites
    moderation: Moderation
    bans: Bans
    reports: Reports
    audit: AuditTrail
    monitoring: Monitoring

    settings: Settings
    blocks: Blocks
    ended_accounts: EndedAccounts

    @property
    def name(self) -> str:
        """Shown by /health: sqlite, mongodb."""

    @property
    def pending_writes(self) -> int:
        """Writes accepted and not yet settled."""

    @property
    def pending_writes_max(self) -> int:
        """The largest number of pending writes; further ones are refused."""

    @property
    def pool(self) -> PoolState:
        """Its connections now, as this process counts them. Makes no query, so every metrics sample can read it."""

    def metrics(self) -> PartMetrics:
        """Return the pending writes and the pool as gauges, see monitor/part_metrics.py."""

    async def ping(self) -> None:
        """Write and read a document, to prove that the store works now. Raises StoreUnavailable, StoreTimeout."""

    async def inspect(self) -> StoreInspection:
        """Ping, and read the state that the health page shows. Raises StoreUnavailable, StoreTimeout."""

    async def sweep(self, now_ms: int) -> int:
        """Remove what has expired, in bounded slices. Returns the number removed. Raises StoreError."""

    async def close(self) -> None:
        """Wait for the accepted operations, then release all resources. Idempotent."""
