"""Batches by key: the arguments that arrive for a key while a batch of it is in flight make its next batch.

Knows no driver. Each key has at most one batch in flight, so batches grow with the load, and a single argument waits
for no timer. `store/group_commit.py` does the same for a store with one writer thread and no keys.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct

from common.task_shutdown import cancel_all
from store.errors import StoreTimeout, StoreUnavailable

logger = logging.getLogger(__name__)

A = TypeVar("A")
R = TypeVar("R")


class _Waiting(Struct, Generic[A, R], eq=False):
    """One accepted argument. `accepted_s` is on the loop's clock, in seconds."""

    argument: A
    future: asyncio.Future[R]
    accepted_s: float


class _KeyQueue(Generic[A, R]):
    """The arguments of one key in order of arrival: the batch in flight, those that wait, and the deadline timer."""

    __slots__ = ("batch", "timer", "waiting")

    def __init__(self) -> None:
        self.batch: list[_Waiting[A, R]] = []
        self.waiting: deque[_Waiting[A, R]] = deque()
        self.timer: asyncio.TimerHandle | None = None


class KeyedBatcher(Generic[A, R]):
    """Runs `work` on the gathered arguments of a key. Call its methods on one event loop.

    `work` returns one outcome for each argument, in order; an outcome that is an exception is raised to that caller
    alone. If `work` raises, all callers of the batch get the error. If that is StoreUnavailable or StoreTimeout, the
    arguments that wait behind the batch fail with StoreUnavailable("stalled"), so that none waits for a second
    deadline. `submit` raises the same past `waiting_max` arguments of all keys. `timeout_s` seconds after it was
    accepted an argument fails in any case: with StoreTimeout if its batch has begun, else with "stalled", and it is
    not run.
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
        """Accept an argument. Its future completes with the outcome. Cancelling it before its batch begins drops it.

        Raises StoreUnavailable("stalled") past the bound.
        """
        if self._waiting >= self._waiting_max:
            raise StoreUnavailable("stalled")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._waiting += 1
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = _KeyQueue()
            queue.timer = loop.call_later(self._timeout_s, self._expire, queue)
            # An empty context: the deadline of the first caller must not be the deadline of the batch.
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
        """Wait up to `within_s` seconds for the accepted arguments, then fail the rest: StoreUnavailable("closed")."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=within_s)
            await cancel_all(late)

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
        """Fail the arguments whose deadline has passed.

        One timer serves a key: its arguments are in order of deadline.
        """
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
        # All of them are settled; the deadline of any later one is at least `timeout_s` from now.
        queue.timer = loop.call_later(self._timeout_s, self._expire, queue)

    async def _outcomes(self, key: str, batch: Sequence[_Waiting[A, R]]) -> Sequence[R | Exception]:
        try:
            return await self._work(key, [waiting.argument for waiting in batch])
        except Exception as error:
            return [error] * len(batch)


def _settle(batch: Sequence[_Waiting[Any, Any]], outcomes: Sequence[Any]) -> None:
    for waiting, outcome in zip(batch, outcomes, strict=True):
        if waiting.future.done():  # its caller was cancelled or timed out
            continue
        if isinstance(outcome, Exception):
            waiting.future.set_exception(outcome)
        else:
            waiting.future.set_result(outcome)
