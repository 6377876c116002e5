"""Runs a coroutine until it waits for the first time, and only then makes a task of it.

A task begins one loop turn after it is made, and each turn asks the kernel for events: what does not wait should not
cost one. Python 3.12 has `asyncio.eager_task_factory` for this; here is what Python 3.11 needs.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from types import TracebackType
from typing import Any


def run_eagerly(work: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
    """Run `work` up to its end, or to the first future that it waits for. Returns the task of the rest, None: it ended.

    Raises what `work` raises before it waits. As in a task of its own, `work` has a copy of the caller's context, and
    asyncio.timeout within it ends no task of the caller.
    """
    context = contextvars.copy_context()
    begun = _TaskToBe()
    caller = asyncio.current_task(loop)
    # The functions that asyncio documents for other implementations of tasks ("Extending")
    if caller is not None:
        asyncio.tasks._leave_task(loop, caller)
    asyncio.tasks._enter_task(loop, begun)  # type: ignore[arg-type]
    try:
        first = context.run(work.send, None)
    except StopIteration:
        return None
    finally:
        asyncio.tasks._leave_task(loop, begun)  # type: ignore[arg-type]
        if caller is not None:
            asyncio.tasks._enter_task(loop, caller)
    begun.task = task = loop.create_task(_Rest(work, first), context=context)
    return task


class _TaskToBe:
    """The current task of what was begun and has not waited yet; later it stands for the task of the rest.

    It has what asyncio.timeout asks of a task.
    """

    __slots__ = ("task",)

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None

    def cancel(self, msg: object = None) -> bool:
        return self.task is not None and self.task.cancel(msg)

    def cancelling(self) -> int:
        return 0 if self.task is None else self.task.cancelling()

    def uncancel(self) -> int:
        return 0 if self.task is None else self.task.uncancel()


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
