"""The event loop of a process: uvloop's where it is installed, else asyncio's; Tornado's IOLoop on a monotonic clock.

Tornado's own IOLoop reads the wall clock, and its PeriodicCallback counts by that: when the clock is set back by ten
minutes, it calls nothing for ten minutes. The IOLoop of this module reads the monotonic clock of the asyncio loop.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import math
import select
import selectors
import time
from collections.abc import Callable, Mapping, Sized
from contextlib import suppress
from typing import TYPE_CHECKING

from tornado.platform.asyncio import AsyncIOLoop

from common.before_wait import RUN_WITHIN_S, WAIT_MAX_S
from common.loop_turns import LoopTurns

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

log = logging.getLogger(__name__)

# A loop turn handles at most so many sockets, which takes some milliseconds: 10,000 connections that arrive or end at
# once are served in slices, between which timers and replies have their turns.
EVENTS_A_TURN = 512


class SlicedSelector(selectors.BaseSelector):
    """An epoll selector that returns at most EVENTS_A_TURN ready sockets at a time.

    The kernel begins each reply with the sockets that the one before left out, so each has its turn. `scheduled` is the
    loop's queue of callbacks: what a callback before the wait adds to it must not wait for an event. `turns` says when
    the loop's turns begin and end.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._before_wait: list[Callable[[], object]] = []
        self.scheduled: Sized = (None,)  # as if something always were
        self.turns = LoopTurns()
        self._ready_before = 0  # sockets, in the last turn
        self._run_by_s = 0.0  # when those run at the latest, on the monotonic clock
        self._keys: dict[FileDescriptorLike, selectors.SelectorKey] = {}  # by descriptor

    def register(self, fileobj: FileDescriptorLike, events: int, data: object = None) -> selectors.SelectorKey:
        """Raises KeyError for a descriptor that is registered already."""
        key = selectors.SelectorKey(fileobj, self._descriptor(fileobj), events, data)
        if key.fd in self._keys:
            raise KeyError(f"descriptor {key.fd} is registered already")
        self._epoll.register(key.fd, _epoll_mask(events))
        self._keys[key.fd] = key
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """Raises KeyError for a descriptor that is not registered."""
        key = self._keys.pop(self._descriptor(fileobj))
        with suppress(OSError):  # closed before, which epoll notes by itself
            self._epoll.unregister(key.fd)
        return key

    def modify(self, fileobj: FileDescriptorLike, events: int, data: object = None) -> selectors.SelectorKey:
        """Raises KeyError for a descriptor that is not registered."""
        old = self._keys[self._descriptor(fileobj)]
        key = selectors.SelectorKey(fileobj, old.fd, events, data)
        if events != old.events:
            try:
                self._epoll.modify(key.fd, _epoll_mask(events))
            except OSError:  # the descriptor was closed
                del self._keys[key.fd]
                raise
        self._keys[key.fd] = key
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for `timeout` seconds at most; None waits without end, as in all selectors."""
        if self._before_wait:
            is_overdue = time.monotonic() >= self._run_by_s
            if self._ready_before > 1 and not is_overdue:
                timeout = 0.0  # of those that write at once, more may have written meanwhile
            elif timeout is None or timeout > 0 or is_overdue:
                self._run_before_wait()
                timeout = 0.0 if self.scheduled else WAIT_MAX_S if timeout is None else min(timeout, WAIT_MAX_S)
        # epoll counts milliseconds: rounded up, so that it never waits for less than `timeout`
        wait_s = -1.0 if timeout is None else max(0.0, math.ceil(timeout * 1000) / 1000)
        turns, ended_s = self.turns, time.monotonic()
        if ended_s >= turns.due_s:
            turns.end(ended_s)
        turns.woke_s = math.inf
        try:
            events = self._epoll.poll(wait_s, EVENTS_A_TURN)
        except InterruptedError:
            events = []
        turns.woke_s = turns.began_s = woke_s = time.monotonic()
        if 0.0 <= wait_s < woke_s - ended_s:  # the machine woke it late
            turns.began_s = ended_s + wait_s
        self._ready_before = len(events)
        keys = self._keys
        ready = []
        for fd, event in events:
            key = keys.get(fd)
            if key is not None:
                mask = (selectors.EVENT_WRITE if event & ~select.EPOLLIN else 0) | (
                    selectors.EVENT_READ if event & ~select.EPOLLOUT else 0
                )
                ready.append((key, mask & key.events))
        return ready

    def call_before_wait(self, callback: Callable[[], object]) -> None:
        """See common/before_wait.py."""
        if not self._before_wait:
            self._run_by_s = time.monotonic() + RUN_WITHIN_S
        self._before_wait.append(callback)

    def _run_before_wait(self) -> None:
        waiting = self._before_wait
        while waiting:  # a callback may add another
            callback = waiting.pop(0)
            try:
                callback()
            except Exception:
                log.exception("a callback before the wait failed")

    def close(self) -> None:
        """Forget all descriptors; they stay open."""
        self._keys.clear()
        self._epoll.close()

    def get_key(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """Raises KeyError for a descriptor that is not registered."""
        return self._keys[self._descriptor(fileobj)]

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        """The registered keys by descriptor: not a copy."""
        return self._keys

    def _descriptor(self, fileobj: FileDescriptorLike) -> int:
        """Raises ValueError for an object that is closed and not registered."""
        fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        if fd >= 0:
            return fd
        registered = next((key.fd for key in self._keys.values() if key.fileobj is fileobj), None)
        if registered is None:
            raise ValueError(f"{fileobj!r} has no descriptor")
        return registered


def _epoll_mask(events: int) -> int:
    mask = select.EPOLLIN if events & selectors.EVENT_READ else 0
    return mask | select.EPOLLOUT if events & selectors.EVENT_WRITE else mask


class SlicedLoop(asyncio.SelectorEventLoop):
    """asyncio's loop on a SlicedSelector."""

    def __init__(self) -> None:
        selector = SlicedSelector()
        super().__init__(selector)
        # asyncio's own name; where a Python has another, a turn without a wait follows each run of callbacks
        selector.scheduled = getattr(self, "_ready", selector.scheduled)
        self.call_before_wait = selector.call_before_wait
        self.turns = selector.turns


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
    package = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    return "asyncio" if package == SlicedLoop.__module__.partition(".")[0] else package


def _factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return _standard_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _standard_loop() -> asyncio.AbstractEventLoop:
    return SlicedLoop() if hasattr(select, "epoll") else asyncio.new_event_loop()
