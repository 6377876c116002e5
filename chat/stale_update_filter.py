"""The latest version seen of each key, so that an older one that arrives later changes nothing. Pure state."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, Self, TypeVar


class Ordered(Protocol):
    """A number, or anything else that `<` orders."""

    def __lt__(self, other: Self, /) -> bool: ...


K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Ordered)

# No event arrives later than this: a publisher gives up after REDIS_TIMEOUT, and a receiver drops a connection that is
# seconds behind.
KEEP_S = 120.0
MAX_KEYS = 100_000
EVICTED_PER_CALL = 20  # after a burst, so that no single call pays for all of it
SWEEP_MAX = 1_000  # keys; some 1 ms


class StaleUpdateFilter(Generic[K, V]):
    """Keeps each version for `keep_s` after it was last accepted, and `max_keys` of them at most.

    `now` is monotonic, in seconds. Expired versions are evicted little by little, by later calls and by `sweep`.
    `on_evict` is called with each evicted key.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float],
        keep_s: float = KEEP_S,
        max_keys: int = MAX_KEYS,
        on_evict: Callable[[K], None] = lambda key: None,
    ) -> None:
        self._now = now
        self._keep_s = keep_s
        self._max_keys = max_keys
        self._on_evict = on_evict
        self._versions: OrderedDict[K, tuple[V, float]] = OrderedDict()  # with the time; the oldest time first

    def __len__(self) -> int:
        return len(self._versions)

    def get(self, key: K) -> V | None:
        """The latest version, None where none is known."""
        found = self._versions.get(key)
        return None if found is None else found[0]

    def accept(self, key: K, version: V) -> bool:
        """Keep the version and return True, unless a later one is known. An equal one is accepted."""
        known = self.get(key)
        if known is not None and version < known:
            return False
        self._versions[key] = version, self._now()
        self._versions.move_to_end(key)
        self.sweep(EVICTED_PER_CALL)
        return True

    def sweep(self, most: int = SWEEP_MAX) -> None:
        """Evict up to `most` expired versions; to be called every second or so, also while nothing arrives."""
        expired_before = self._now() - self._keep_s
        for _ in range(min(most, len(self._versions))):
            if len(self._versions) <= self._max_keys and next(iter(self._versions.values()))[1] >= expired_before:
                return
            key, _ = self._versions.popitem(last=False)
            self._on_evict(key)
