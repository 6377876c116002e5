"""Which of many outboxes is the largest, while their sizes change. Pure: knows sizes, no sockets and no budget.

A linear search for each link to be closed would block the loop for 0.2 s where 4,500 outboxes exceed the budget and
500 more are sent to. A heap needs to be notified of growth only.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from heapq import heapify, heappop, heappush, heapreplace
from typing import Generic, Protocol, TypeVar

SPARE_ENTRIES = 64  # outdated heap entries that are tolerated before the heap is rebuilt


class Holder(Protocol):
    """Something with an outbox."""

    @property
    def outbox_bytes(self) -> int: ...


H = TypeVar("H", bound=Holder)


class LargestOutbox(Generic[H]):
    """A heap of the outboxes of `holders`, which is the owner's own set.

    It keeps at most two entries for each holder and SPARE_ENTRIES more.
    """

    __slots__ = ("_heap", "_holders")

    def __init__(self, holders: AbstractSet[H]) -> None:
        self._holders = holders
        self._heap: list[tuple[int, int, H]] = []
        self._rebuild()

    def _rebuild(self) -> None:
        self._heap = [(-holder.outbox_bytes, id(holder), holder) for holder in self._holders]
        heapify(self._heap)

    def grew(self, holder: H) -> None:
        """Note that an outbox has grown. Must be called for every growth; shrinking is found by `find`."""
        heappush(self._heap, (-holder.outbox_bytes, id(holder), holder))
        if len(self._heap) > 2 * len(self._holders) + SPARE_ENTRIES:
            self._rebuild()

    def find(self) -> H | None:
        """Return the holder of the largest outbox; None if all are empty."""
        heap = self._heap
        while heap:
            noted, number, holder = heap[0]
            size = holder.outbox_bytes
            if not size:
                heappop(heap)
            elif size < -noted:
                heapreplace(heap, (-size, number, holder))
            else:
                return holder
        return None
