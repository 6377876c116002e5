"""The network between a process and its Redis, on a thread of its own: for a process that tests share, each with its
own loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from tests.support.redis_proxy import Proxy

T = TypeVar("T")

DONE_WITHIN_S = 30.0


class Network:
    """A proxy to a Redis. All methods may be called from any thread, and have had their effect when they return."""

    def __init__(self, target: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._thread.start()
        self._proxy = self._run(Proxy(target).start())

    @property
    def env(self) -> dict[str, str]:
        """The variables that make a server use it."""
        return {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self._proxy.port)}

    @property
    def holds(self) -> bool:
        return self._proxy.holds

    def go_away(self) -> None:
        self._do(Proxy.go_away)

    def come_back(self) -> None:
        self._do(Proxy.come_back)

    def hold(self) -> None:
        self._do(Proxy.hold)

    def hold_from(self, words: bytes) -> None:
        self._do(lambda proxy: proxy.hold_from(words))

    def release(self) -> None:
        self._do(Proxy.release)

    def delay_news(self, late_s: float) -> None:
        self._proxy.news_late_s = late_s

    def mend(self) -> None:
        """Whatever it was told: it is a network as others."""
        self.come_back()
        self.release()
        self.delay_news(0.0)

    def close(self) -> None:
        self._run(self._proxy.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, act: Callable[[Proxy], T]) -> T:
        async def acting() -> T:
            return act(self._proxy)

        return self._run(acting())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DONE_WITHIN_S)


@contextmanager
def network_to(port: int) -> Iterator[Network]:
    """A network to a Redis, closed at the end."""
    network = Network(port)
    try:
        yield network
    finally:
        network.close()
