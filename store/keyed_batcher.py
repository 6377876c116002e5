"""Group commit by key: what one room was sent while a batch of its was under way makes its next batch.

Knows no driver.

One batch in flight a lane, so that load gathers by itself and a lone write waits for no timer.
`store/group_commit.py` is the same for a store that has one writer; here each key has a lane of its own.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct

from store.errors import StoreTimeout, StoreUnavailable

logger = logging.getLogger(__name__)

A = TypeVar("A")
R = TypeVar("R")


class _Waiting(Struct, Generic[A, R], eq=False):
    """One accepted write; its time is the loop's, in seconds."""

    argument: A
    future: asyncio.Future[R]
    accepted_s: float


class _KeyQueue(Generic[A, R]):
    """A key's writes, in the order they came: those of the batch under way, those that wait, and the timer of their
    deadlines.
    """

    __slots__ = ("batch", "timer", "waiting")

    def __init__(self) -> None:
        self.batch: list[_Waiting[A, R]] = []
        self.waiting: deque[_Waiting[A, R]] = deque()
        self.timer: asyncio.TimerHandle | None = None


class KeyedBatcher(Generic[A, R]):
    """Runs `work` on the gathered arguments of a key. All methods belong to one event loop.

    `work` returns an outcome an argument, in order: what it gives, or an exception for that argument's caller alone.
    What it raises goes to all of the batch, and if the store cannot be written now (StoreUnavailable, StoreTimeout),
    those who wait behind it are told StoreUnavailable("stalled"): none waits for a second deadline. Past `waiting_max`
    arguments of all keys `submit` raises that, too. `timeout_s` after it was accepted a write is answered in any case:
    StoreTimeout if its batch has begun; else "stalled", and none will.
    """

    def __init__(
        self,
        *,
        work: Callable[[str, Sequence[A]], Awaitable[Sequence[R | Exception]]],
        batch_max: int,
        waiting_max: int,
        timeout_s: float,
    ) -> None:
        self._work = work
        self._batch_max = batch_max
        self._waiting_max = waiting_max
        self._timeout_s = timeout_s
        self._waiting = 0
        self._queues: dict[str, _KeyQueue[A, R]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, key: str, argument: A) -> asyncio.Future[R]:
        """Accept a write; the future ends with its outcome. Cancelling it before its batch begins undoes it."""
        if self._waiting >= self._waiting_max:
            raise StoreUnavailable("stalled")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._waiting += 1
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = _KeyQueue()
            queue.timer = loop.call_later(self._timeout_s, self._expire, queue)
            # A context of its own: the deadline of whoever came first is not that of the batch.
            task = loop.create_task(self._run(key, queue), context=contextvars.Context())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        queue.waiting.append(_Waiting(argument, future, loop.time()))
        return future

    @property
    def waiting(self) -> int:
        """Arguments accepted and not yet settled."""
        return self._waiting

    async def close(self, *, within_s: float = 0.0) -> None:
        """Let what was accepted settle for so long, then give up on the rest."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=within_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _run(self, key: str, queue: _KeyQueue[A, R]) -> None:
        waiting = queue.waiting
        try:
            while waiting:
                queue.batch = [waiting.popleft() for _ in range(min(len(waiting), self._batch_max))]
                wanted = [one for one in queue.batch if not one.future.done()]
                outcomes = await self._outcomes(key, wanted) if wanted else []
                self._waiting -= len(queue.batch)
                queue.batch = []
                _settle(wanted, outcomes)
                if outcomes and isinstance(outcomes[0], StoreUnavailable | StoreTimeout):
                    late = [waiting.popleft() for _ in range(len(waiting))]
                    self._waiting -= len(late)
                    _settle(late, [StoreUnavailable("stalled")] * len(late))
        finally:
            del self._queues[key]
            if queue.timer is not None:
                queue.timer.cancel()
            left = [*queue.batch, *waiting]  # only when this task is cancelled
            self._waiting -= len(left)
            _settle(left, [StoreUnavailable("closed")] * len(left))

    def _expire(self, queue: _KeyQueue[A, R]) -> None:
        """Answer those whose time is over; one timer a lane serves all, as they stand in the order they came."""
        loop = asyncio.get_running_loop()
        queue.timer = None
        late_s = loop.time() - self._timeout_s
        begun = len(queue.batch)
        for number, one in enumerate((*queue.batch, *queue.waiting)):
            if one.future.done():
                continue
            if one.accepted_s > late_s:
                queue.timer = loop.call_at(one.accepted_s + self._timeout_s, self._expire, queue)
                return
            one.future.set_exception(StoreTimeout("stalled") if number < begun else StoreUnavailable("stalled"))
        # All that are here are answered; what comes later waits at least as long from now.
        queue.timer = loop.call_later(self._timeout_s, self._expire, queue)

    async def _outcomes(self, key: str, batch: Sequence[_Waiting[A, R]]) -> Sequence[R | Exception]:
        try:
            return await self._work(key, [waiting.argument for waiting in batch])
        except Exception as error:
            return [error] * len(batch)


def _settle(batch: Sequence[_Waiting[Any, Any]], outcomes: Sequence[Any]) -> None:
    for waiting, outcome in zip(batch, outcomes, strict=True):
        if waiting.future.done():  # its caller is gone
            continue
        if isinstance(outcome, Exception):
            waiting.future.set_exception(outcome)
        else:
            waiting.future.set_result(outcome)
