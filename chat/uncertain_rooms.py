"""Rooms with a write that may have happened although it failed, or may still happen: nothing was announced after it."""

from __future__ import annotations

import time
from collections.abc import Callable

UNCERTAIN_S = 600.0  # a commit that a stalled disk holds up comes within this time, or its process is restarted
ROOMS_MAX = 10_000  # past them each room is uncertain, until the latest of those writes has settled


class UncertainRooms:
    """Where one process writes, it knows of each room what it wrote, but for these. `now` is monotonic, in seconds."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._until: dict[str, float] = {}  # the earliest first
        self._all_until = float("-inf")

    def __contains__(self, room_id: str) -> bool:
        return max(self._until.get(room_id, self._all_until), self._all_until) > self._now()

    def __len__(self) -> int:
        return len(self._until)

    def add(self, room_id: str) -> None:
        """A write to this room failed, and may have happened or may still happen."""
        now = self._now()
        while self._until and next(iter(self._until.values())) <= now:
            del self._until[next(iter(self._until))]
        self._until.pop(room_id, None)
        if len(self._until) < ROOMS_MAX:
            self._until[room_id] = now + UNCERTAIN_S
        else:
            self._all_until = now + UNCERTAIN_S
