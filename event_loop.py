"""The loop that a process runs on: uvloop's where it is installed, else the standard one; Tornado's view of it has a monotonic clock.

Tornado's IOLoop tells the time by the wall clock, and its PeriodicCallback counts by that: set back by ten minutes, it calls nothing
for ten minutes. Our own IOLoop tells the time of the asyncio loop beneath it, which is monotonic.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable

from tornado.platform.asyncio import AsyncIOLoop


class MonotonicIOLoop(AsyncIOLoop):
    """Tornado's IOLoop of an asyncio loop, on that loop's clock."""

    def time(self) -> float:
        """Seconds since some moment: not since the epoch."""
        return self.asyncio_loop.time()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A new asyncio loop whose IOLoop.current() is a MonotonicIOLoop: a factory for asyncio.Runner."""
    loop = _factory()()
    # Before Tornado makes one: it makes its own where none is there for this asyncio loop, and there can be only one.
    MonotonicIOLoop(asyncio_loop=loop, make_current=False)
    return loop


def loop_name() -> str:
    """asyncio or uvloop."""
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


def _factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
