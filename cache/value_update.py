"""An update of a value that is already cached, for writes so frequent that an invalidation would always miss.

Owns the shape of an update. The updates themselves are defined beside the format of their value: `message_page.append`
and `room_totals.advance`. Knows no backend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class UpdateScript(Struct, frozen=True):
    """A script `lua/<name>.lua` that does in Redis what `ValueUpdate.apply` does in memory.

    Its KEYS are the value, the value's lease, one key for each of `own_suffixes` (the value's key and the suffix), and
    the generation. Its ARGV are the update's arguments. It must delete the lease, compare the value's generation with
    the present one, and keep the value's expiry.
    """

    name: str
    own_suffixes: tuple[str, ...] = ()


class ValueUpdate(Struct, Generic[T], frozen=True):
    """How a cached value is updated. `apply` must be quick. It returns the new value, or None to delete the value."""

    apply: Callable[[T], T | None]
    script: UpdateScript
    arguments: tuple[str | bytes | int, ...]
