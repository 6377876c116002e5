"""Cuts what there is much of into parts that are worked on one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def in_parts(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    """The items in order, in parts of `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))


def take_first(waiting: dict[T, None], most: int) -> list[T]:
    """Remove and return the first `most` of what waits."""
    part = list(islice(waiting, most))
    for one in part:
        del waiting[one]
    return part
