"""A room's newest messages, for those who come back: what they missed need not be read from the store."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable


class Ring:
    """The room's newest messages, encoded, with consecutive seqs; bounded by count and bytes."""

    __slots__ = ("_bytes", "_items", "_max_bytes", "_max_items", "floor")

    def __init__(self, *, max_items: int, max_bytes: int) -> None:
        self._items: deque[bytes] = deque()
        self._bytes = 0
        self._max_items = max_items
        self._max_bytes = max_bytes
        self.floor = 0  # the greatest seq below the ring: its items are floor+1 and up

    def start(self, floor: int, messages: Iterable[bytes]) -> None:
        self._items.clear()
        self._bytes = 0
        self.floor = floor
        for message in messages:
            self.add(message)

    def add(self, message: bytes) -> None:
        self._items.append(message)
        self._bytes += len(message)
        while self._items and (len(self._items) > self._max_items or self._bytes > self._max_bytes):
            self._bytes -= len(self._items.popleft())
            self.floor += 1

    def replace(self, seq: int, message: bytes) -> None:
        """Put a changed message in the place of what it was, if the ring has it."""
        index = seq - self.floor - 1
        if 0 <= index < len(self._items):
            self._bytes += len(message) - len(self._items[index])
            self._items[index] = message
            while self._bytes > self._max_bytes:
                self._bytes -= len(self._items.popleft())
                self.floor += 1

    def after(self, seq: int) -> list[bytes] | None:
        """Return the messages above `seq`, ascending; None if the ring does not reach back that far."""
        if seq < self.floor:
            return None
        return list(itertools.islice(self._items, seq - self.floor, None))
