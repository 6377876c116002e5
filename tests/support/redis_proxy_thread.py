"""A proxy between a process and its Redis on a thread with its own event loop, for a process that several tests share:
each test has another loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from tests.support.redis_proxy import RedisProxy

T = TypeVar("T")

DONE_WITHIN_S = 30.0


class RedisProxyThread:
    """A proxy to a Redis. Its methods may be called from any thread, and have taken effect when they return."""

    def __init__(self, target: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._thread.start()
        self._proxy = self._run(RedisProxy(target).start())

    @property
    def env(self) -> dict[str, str]:
        """The variables that make a server use it."""
        return {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(self._proxy.port)}

    @property
    def is_holding(self) -> bool:
        return self._proxy.is_holding

    def go_away(self) -> None:
        self._do(RedisProxy.go_away)

    def come_back(self) -> None:
        self._do(RedisProxy.come_back)

    def drop(self) -> None:
        self._do(RedisProxy.drop)

    def hold(self) -> None:
        self._do(RedisProxy.hold)

    def hold_at(self, data: bytes) -> None:
        self._do(lambda proxy: proxy.hold_at(data))

    def release(self) -> None:
        self._do(RedisProxy.release)

    def delay_published(self, late_s: float) -> None:
        self._proxy.publish_delay_s = late_s

    def restore(self) -> None:
        """End all faults: pass all data, without delay."""
        self.come_back()
        self.release()
        self.delay_published(0.0)

    def close(self) -> None:
        self._run(self._proxy.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, act: Callable[[RedisProxy], T]) -> T:
        async def acting() -> T:
            return act(self._proxy)

        return self._run(acting())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DONE_WITHIN_S)


@contextmanager
def proxy_thread_to(port: int) -> Iterator[RedisProxyThread]:
    """A proxy to a Redis, closed at the end of the block."""
    proxy = RedisProxyThread(port)
    try:
        yield proxy
    finally:
        proxy.close()
