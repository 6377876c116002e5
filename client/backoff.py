"""The delay before a retry: exponential backoff with full jitter, so that a crowd does not come back at once. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable

BASE_S = 0.5
CAP_S = 30.0


def backoff_s(
    attempt: int, *, base_s: float = BASE_S, cap_s: float = CAP_S, rng: Callable[[], float] = random.random
) -> float:
    """Seconds before retry number `attempt` (0 is the first): random, up to a bound that doubles to `cap_s`."""
    return rng() * min(cap_s, base_s * 2.0 ** min(attempt, 20))


class Retries:
    """How often something failed in a row, and so how long to wait before it is tried again."""

    def __init__(self, *, base_s: float = BASE_S, cap_s: float = CAP_S) -> None:
        self._base_s = base_s
        self._cap_s = cap_s
        self.count = 0

    def next_delay_s(self, retry_after_s: float | None = None) -> float:
        """Seconds to wait now; never less than what the server asked for."""
        delay_s = (retry_after_s or 0.0) + backoff_s(self.count, base_s=self._base_s, cap_s=self._cap_s)
        self.count += 1
        return delay_s

    def reset(self) -> None:
        """It worked."""
        self.count = 0
