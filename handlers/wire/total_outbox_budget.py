"""The memory that the outboxes of all links may hold together."""

from __future__ import annotations

from typing import Protocol

from handlers.wire.largest_outbox import LargestOutbox
from monitor.part_metrics import PartMetrics


class BudgetedLink(Protocol):
    """What the budget needs of a link."""

    @property
    def outbox_bytes(self) -> int: ...

    @property
    def is_open(self) -> bool: ...

    def close_too_slow(self) -> None: ...

    def cut_off(self) -> None: ...


class OutboxBudget:
    """Bounds the bytes in all outboxes, those of closing links included; past the bound it closes the largest first.

    A link is closed with 4413. If that frees less than half of its outbox, because most of it is one frame that is
    half sent, or because the link is closing already, it is cut off: otherwise it would hold those bytes until the
    pool's sweep, and other links would be closed in its place.
    """

    __slots__ = ("_is_making_room", "_largest", "_links", "_max_total_bytes", "total_bytes")

    def __init__(self, max_total_bytes: int) -> None:
        self._max_total_bytes = max_total_bytes
        self._links: set[BudgetedLink] = set()
        # Kept from the first time that the bound is exceeded until the total is below half of it
        self._largest: LargestOutbox[BudgetedLink] | None = None
        self._is_making_room = False
        self.total_bytes = 0

    @property
    def links(self) -> int:
        """How many links have an outbox that is not empty: those that read more slowly than they are sent to."""
        return len(self._links)

    def metrics(self) -> PartMetrics:
        return PartMetrics(gauges={"outbox_bytes": self.total_bytes, "outboxes": len(self._links)})

    def grew(self, link: BudgetedLink, size: int) -> None:
        """Count `size` bytes that were added to a link's outbox; closes links if the bound is exceeded."""
        self._links.add(link)
        self.total_bytes += size
        if self._largest is not None:
            self._largest.grew(link)
        if self.total_bytes > self._max_total_bytes and not self._is_making_room:
            # The Close frame of a link that is being closed is counted here too, and must not start a nested round
            self._is_making_room = True
            try:
                self._make_room()
            finally:
                self._is_making_room = False

    def _make_room(self) -> None:
        largest = self._largest = self._largest or LargestOutbox(self._links)
        while self.total_bytes > self._max_total_bytes and (link := largest.find()) is not None:
            held_bytes = link.outbox_bytes
            if link.is_open:
                link.close_too_slow()
            if link.outbox_bytes > held_bytes // 2:
                link.cut_off()

    def shrank(self, link: BudgetedLink, size: int) -> None:
        """Count `size` bytes that left a link's outbox."""
        self.total_bytes -= size
        if link.outbox_bytes == 0:
            self._links.discard(link)
        if self._largest is not None and self.total_bytes < self._max_total_bytes // 2:
            self._largest = None
