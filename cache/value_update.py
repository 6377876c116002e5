"""An update of a value that is already cached, for writes so frequent that an invalidation would always miss.

Owns the shape of an update. The updates themselves are defined beside the value: `message_page.append` and
`room_totals.advance`. Knows no backend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class ValueUpdate(Struct, Generic[T], frozen=True):
    """How a cached value is updated. `apply` must be quick. It returns the new value, or None to delete the value."""

    apply: Callable[[T], T | None]
