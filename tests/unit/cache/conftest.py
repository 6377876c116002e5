"""Helpers of the cache's tests: a clock that a test sets, a counting Observer, and loads that a test ends."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from cache.keys_and_ttls import CacheTtls, Keys
from monitor.observer import Observer


class Clock:
    """A clock in seconds; a test sets `now_s`."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


class CountingObserver(Observer):
    """Counts the outcomes of reads that the cache reports."""

    __slots__ = ("outcomes",)

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()

    def cache_read(self, kind: str, outcome: str, seconds: float = 0.0) -> None:
        self.outcomes[outcome] += 1


class ControlledLoader:
    """A loader whose loads wait until the test sets their results; `loads` is in the order in which they began."""

    def __init__(self) -> None:
        self.loads: list[asyncio.Future[Any]] = []

    async def __call__(self) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.loads.append(future)
        return await future


class CountingLoader:
    """A loader that returns its value at once, and counts its loads."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.count = 0

    async def __call__(self) -> Any:
        self.count += 1
        return self.value


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def observer() -> CountingObserver:
    return CountingObserver()


@pytest.fixture
def loader() -> ControlledLoader:
    return ControlledLoader()


@pytest.fixture
def counting_loader() -> type[CountingLoader]:
    return CountingLoader


@pytest.fixture
def keys() -> Keys:
    return Keys(CacheTtls(messages_s=1_800, users_s=300, stats_s=600))
