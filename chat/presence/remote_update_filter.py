"""The order of what other processes publish about their connections: which fact is still current when it arrives.

A process numbers its facts. They may arrive late, twice and in any order, and after the process has died.
"""

from __future__ import annotations

from collections.abc import Callable

from chat.stale_update_filter import StaleUpdateFilter

PROCESSES_MAX = 1_000  # dead or restarted ones are remembered, too, for a while


class RemoteUpdateFilter:
    """`now` is monotonic, in seconds."""

    def __init__(self, *, now: Callable[[], float]) -> None:
        # (process id, user id) → the number of the newest "has no connection any more"
        self._gone: StaleUpdateFilter[tuple[str, str], int] = StaleUpdateFilter(now=now)
        # Process id → facts with a smaller number are outdated
        self._floors: StaleUpdateFilter[str, int] = StaleUpdateFilter(now=now, max_keys=PROCESSES_MAX)
        self._newest: dict[str, int] = {}  # process id, of those that live → its newest number

    def note(self, process_id: str, number: int) -> None:
        """A fact with this number arrived."""
        self._newest[process_id] = max(number, self._newest.get(process_id, 0))

    def is_connection_current(self, process_id: str, user_id: str, number: int) -> bool:
        """Whether "is connected", with this number, is not older than what is known already."""
        return number >= (self._floors.get(process_id) or 0) and number >= (self._gone.get((process_id, user_id)) or 0)

    def note_gone(self, process_id: str, user_id: str, number: int) -> None:
        """A process published that a user has no connection to it any more."""
        self._gone.accept((process_id, user_id), number)
        self.note(process_id, number)

    def outdate(self, process_id: str, below: int) -> None:
        """Facts of the process with a smaller number than `below` are outdated: a full list began with it."""
        self._floors.accept(process_id, below)

    def process_gone(self, process_id: str) -> None:
        """All that a dead process published is outdated."""
        self._floors.accept(process_id, self._newest.pop(process_id, 0) + 1)

    def sweep(self) -> None:
        """Forget some of what is old enough (see StaleUpdateFilter.sweep)."""
        self._gone.sweep()
        self._floors.sweep()
