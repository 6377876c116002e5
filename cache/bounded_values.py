"""Cached values of this process: a least-recently-used table, bounded by number and by weight. Knows no load."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from cache.keys_and_ttls import Key

ENTRY_BYTES = 300  # an entry's own weight: key, slots, table


class Entry:
    """A kept value. `expires_s` is by the table's clock; `weight` in bytes."""

    __slots__ = ("expires_s", "value", "weight")

    def __init__(self, value: Any, expires_s: float, weight: int) -> None:
        self.value = value
        self.expires_s = expires_s
        self.weight = weight


class BoundedValues:
    """At most `max_entries` values and about `max_bytes` (by KeyKind.weigh); the least recently used are evicted.

    `now` is a monotonic clock in seconds.
    """

    __slots__ = ("_bytes", "_entries", "_max_entries", "_now", "max_bytes")

    def __init__(self, *, max_entries: int, max_bytes: int, now: Callable[[], float]) -> None:
        self.max_bytes = max_bytes
        self._max_entries = max_entries
        self._now = now
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def weight_bytes(self) -> int:
        """Estimated size of all that is held."""
        return self._bytes

    def find(self, name: str) -> Entry | None:
        """Return the entry under a key's name; None if there is none, or it has expired."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        if self._now() >= entry.expires_s:
            self.drop(name)
            return None
        self._entries.move_to_end(name)
        return entry

    def keep(self, key: Key[Any], value: Any, expires_s: float) -> None:
        """Keep a value until `expires_s`; one that is heavier than the whole table is not kept."""
        name = key.name
        weight = ENTRY_BYTES + len(name) + key.kind.weigh(value)
        if weight > self.max_bytes:
            return
        self.drop(name)
        self._entries[name] = Entry(value, expires_s, weight)
        self._bytes += weight
        while self._bytes > self.max_bytes or len(self._entries) > self._max_entries:
            _, oldest = self._entries.popitem(last=False)
            self._bytes -= oldest.weight

    def update(self, key: Key[Any], apply: Callable[[Any], Any]) -> None:
        """Replace a value that is here by what `apply` makes of it, until the same time; None forgets it.

        An error of `apply` is raised, and the value forgotten; so is a kept None.
        """
        entry = self.find(key.name)
        if entry is None:
            return
        self.drop(key.name)  # also where `apply` raises
        value = None if entry.value is None else apply(entry.value)
        if value is not None:
            self.keep(key, value, entry.expires_s)

    def drop(self, name: str) -> None:
        """Forget the value under a key's name, if there is one."""
        entry = self._entries.pop(name, None)
        if entry is not None:
            self._bytes -= entry.weight

    def clear(self) -> None:
        """Forget every value."""
        self._entries.clear()
        self._bytes = 0
