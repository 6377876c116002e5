"""Which of many outboxes holds the most, though they change all the time. Pure: knows sizes, no sockets and no budget.

To look through all of them for each one that must go would hold up the loop: where 4,500 are too large together, and
500 more are sent to, for 0.2 s. A heap needs to be told of growth alone.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from heapq import heapify, heappop, heappush, heapreplace
from typing import Generic, Protocol, TypeVar

SPARE = 64  # entries of sizes that were, before the heap is made anew


class Holder(Protocol):
    """Of something to be sent."""

    @property
    def outbox_bytes(self) -> int: ...


H = TypeVar("H", bound=Holder)


class Largest(Generic[H]):
    """`holders` is the owner's own set; at most some two entries for each of them are kept."""

    __slots__ = ("_heap", "_holders")

    def __init__(self, holders: AbstractSet[H]) -> None:
        self._holders = holders
        self._heap: list[tuple[int, int, H]] = []
        self._make()

    def _make(self) -> None:
        self._heap = [(-one.outbox_bytes, id(one), one) for one in self._holders]
        heapify(self._heap)

    def grew(self, one: H) -> None:
        """To be told of each that holds more than before."""
        heappush(self._heap, (-one.outbox_bytes, id(one), one))
        if len(self._heap) > 2 * len(self._holders) + SPARE:
            self._make()

    def find(self) -> H | None:
        """The one that holds the most now; None where all hold nothing."""
        heap = self._heap
        while heap:
            noted, number, one = heap[0]
            size = one.outbox_bytes
            if not size:
                heappop(heap)
            elif size < -noted:
                heapreplace(heap, (-size, number, one))
            else:
                return one
        return None
