"""What the cache's tests share: an injected clock, an Observer that counts, and loads that the test holds."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from cache.keys import CacheTtls, Keys
from monitor.observer import Observer


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


class CountingObserver(Observer):
    """Counts what the cache reports."""

    __slots__ = ("outcomes",)

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()

    def cache_read(self, kind: str, outcome: str, seconds: float = 0.0) -> None:
        self.outcomes[outcome] += 1


class Source:
    """Where values are loaded from; each load waits until the test answers it, in the order in which they began."""

    def __init__(self) -> None:
        self.loads: list[asyncio.Future[Any]] = []

    async def __call__(self) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.loads.append(future)
        return await future


class Answer:
    """A source that answers at once, and counts."""

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
def tally() -> CountingObserver:
    return CountingObserver()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def answer() -> type[Answer]:
    return Answer


@pytest.fixture
def keys() -> Keys:
    return Keys(CacheTtls(messages_s=1_800, users_s=300, stats_s=600))
