"""Shares a fixed number of places among users: whoever comes finds one, though some took all that they could."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from chat.errors import ChatError


class FairPlaces:
    """Gives `total` places. A user may take one more while over `free_per_held` places are free for each one held.

    Alone a user gets `total / (1 + free_per_held)` of them, rounded up, and each of n greedy ones
    `total / (n + free_per_held)`, so that some stay free: a few accounts cannot keep out everybody else, as they could
    with a bound for each. Source: dynamic thresholds, A. Choudhury and E. Hahne, IEEE/ACM Transactions on Networking
    6(2), 1998.
    """

    def __init__(self, *, total: int, free_per_held: float, refusal: str, retry_after_s: int) -> None:
        self._total = total
        self._free_per_held = free_per_held
        self._refusal = refusal
        self._retry_after_s = retry_after_s
        self._held: Counter[str] = Counter()

    @property
    def taken_places(self) -> int:
        """How many are taken now."""
        return self._held.total()

    def take(self, user_id: str) -> None:
        """Take a place. Raises ChatError unavailable, with the given text and time."""
        if self._total - self.taken_places <= self._held[user_id] * self._free_per_held:
            if not self._held[user_id]:
                del self._held[user_id]
            raise ChatError("unavailable", self._refusal, retry_after_s=self._retry_after_s)
        self._held[user_id] += 1

    def give_back(self, user_id: str) -> None:
        """Give back a place that the user took."""
        self._held[user_id] -= 1
        if not self._held[user_id]:
            del self._held[user_id]

    @contextmanager
    def place(self, user_id: str) -> Iterator[None]:
        """Hold a place within the block. Raises ChatError unavailable."""
        self.take(user_id)
        try:
            yield
        finally:
            self.give_back(user_id)
