"""The event loop of a process: uvloop's where it is installed, else asyncio's; Tornado's IOLoop on a monotonic clock.

Tornado's own IOLoop reads the wall clock, and its PeriodicCallback counts by that: when the clock is set back by ten
minutes, it calls nothing for ten minutes. The IOLoop of this module reads the monotonic clock of the asyncio loop.
"""

from __future__ import annotations

import asyncio
import importlib
import math
import os
import select
import selectors
from collections.abc import Callable

from tornado.platform.asyncio import AsyncIOLoop

# A loop turn handles at most so many sockets, which takes some milliseconds: 10,000 connections that arrive or end at
# once are served in slices, between which timers and replies have their turns.
EVENTS_A_TURN = 512


class SlicedSelector(selectors.EpollSelector):
    """An epoll selector that returns at most EVENTS_A_TURN ready sockets at a time.

    The kernel begins each reply with the sockets that the one before left out, so each has its turn. The standard
    selector takes no bound, so its epoll instance is polled here, by a descriptor of its own that may be closed alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self._bounded = select.epoll.fromfd(os.dup(self.fileno()))

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for `timeout` seconds at most; None waits without end, as in all selectors."""
        # epoll counts milliseconds: rounded up, so that it never waits for less than `timeout`
        wait_s = -1.0 if timeout is None else max(0.0, math.ceil(timeout * 1000) / 1000)
        try:
            events = self._bounded.poll(wait_s, EVENTS_A_TURN)
        except InterruptedError:
            return []
        keys = self.get_map()
        ready = []
        for fd, event in events:
            key = keys.get(fd)
            if key is not None:
                mask = (selectors.EVENT_WRITE if event & ~select.EPOLLIN else 0) | (
                    selectors.EVENT_READ if event & ~select.EPOLLOUT else 0
                )
                ready.append((key, mask & key.events))
        return ready

    def close(self) -> None:
        self._bounded.close()
        super().close()


class MonotonicIOLoop(AsyncIOLoop):
    """Tornado's IOLoop of an asyncio loop, on that loop's clock."""

    def time(self) -> float:
        """Seconds of a monotonic clock, which does not begin at the epoch."""
        return self.asyncio_loop.time()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A new asyncio loop whose IOLoop.current() is a MonotonicIOLoop: a factory for asyncio.Runner."""
    loop = _factory()()
    # Now, because an asyncio loop has one IOLoop, and Tornado makes one of its own where there is none yet.
    MonotonicIOLoop(asyncio_loop=loop, make_current=False)
    return loop


def loop_name() -> str:
    """asyncio or uvloop: the package of the running loop."""
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
