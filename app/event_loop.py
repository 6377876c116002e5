"""The loop that a process runs on: uvloop's where it is installed, else the standard one; Tornado's view of it has a
monotonic clock.

Tornado's IOLoop tells the time by the wall clock, and its PeriodicCallback counts by that: set back by ten minutes, it
calls nothing for ten minutes. Our own IOLoop tells the time of the asyncio loop beneath it, which is monotonic.
"""

from __future__ import annotations

import asyncio
import importlib
import math
import select
import selectors
from collections.abc import Callable

from tornado.platform.asyncio import AsyncIOLoop

# Some milliseconds' worth; a herd of connections is served in slices, between which timers and answers go on
EVENTS_A_TURN = 512


class SlicedSelector(selectors.EpollSelector):
    """Tells of so many ready sockets at a time.

    The kernel begins with those that it did not tell of, so each has its turn.
    """

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for `timeout` seconds, None: for ever, as all selectors do."""
        # Never less than was asked for
        wait_s = -1.0 if timeout is None else max(0.0, math.ceil(timeout * 1000) / 1000)
        try:
            events = self._selector.poll(wait_s, EVENTS_A_TURN)  # type: ignore[attr-defined]
        except InterruptedError:
            return []
        keys = self._fd_to_key  # type: ignore[attr-defined]
        ready = []
        for fd, event in events:
            key = keys.get(fd)
            if key is not None:
                mask = (selectors.EVENT_WRITE if event & ~select.EPOLLIN else 0) | (
                    selectors.EVENT_READ if event & ~select.EPOLLOUT else 0
                )
                ready.append((key, mask & key.events))
        return ready


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
        return _standard_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _standard_loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(SlicedSelector()) if hasattr(select, "epoll") else asyncio.new_event_loop()
