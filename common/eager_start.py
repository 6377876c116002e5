"""Runs a coroutine until it waits for the first time, and only then makes a task of it.

A task begins one loop turn after it is made, and each turn asks the kernel for events: what does not wait should not
cost one. Python 3.12 has `asyncio.eager_task_factory` for this; here is what Python 3.11 needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any


def run_eagerly(work: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
    """Run `work` up to its end, or to the first future that it waits for. Returns the task of the rest, None: it ended.

    Raises what `work` raises before it waits. Until then there is no current task, or it is that of the caller: `work`
    may not use asyncio.timeout, which needs its own, before it has waited.
    """
    try:
        first = work.send(None)
    except StopIteration:
        return None
    return loop.create_task(_Rest(work, first))


class _Rest(Coroutine[Any, Any, None]):
    """The rest of `work`, which waits for `first`: its `__await__` has marked that for the step of a task.

    No generator, for a task that is cancelled before its first step would end that before it has begun, and `work`
    would hear nothing of the cancellation.
    """

    __slots__ = ("_first", "_work")

    def __init__(self, work: Coroutine[Any, Any, None], first: object) -> None:
        self._work = work
        self._first: list[object] = [first]

    def send(self, value: Any) -> Any:
        return self._first.pop() if self._first else self._work.send(value)

    def throw(self, typ: Any, val: BaseException | object = None, tb: TracebackType | None = None) -> Any:
        self._first.clear()
        error: Any = typ if val is None else val
        return self._work.throw(error)

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Any:
        raise TypeError("only a task runs the rest")
