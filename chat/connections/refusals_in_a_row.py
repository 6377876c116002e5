"""How often a connection was refused by a limit in a row: past a number of times it is ended."""

from __future__ import annotations

REFUSALS_MAX = 20


class RefusalsInARow:
    """Rate-limited commands since the last success. Made at the first; `arrived_bytes`: what had arrived by then.

    Commands that had arrived before the first refusal was sent could not react to it: they and the first count as one.
    A read that holds the end of such a burst belongs to the burst as a whole.
    """

    __slots__ = ("_burst_end", "_count")

    def __init__(self, *, arrived_bytes: int) -> None:
        self._burst_end = arrived_bytes
        self._count = 1

    def add(self, *, came_at: int) -> None:
        """One more was refused. `came_at`: how many bytes had arrived before the read that it came with."""
        if came_at >= self._burst_end:
            self._count += 1

    @property
    def are_too_many(self) -> bool:
        return self._count >= REFUSALS_MAX
