"""Runs a coroutine until it waits for the first time, and only then makes a task of it.

A task begins one loop turn after it is made, and each turn asks the kernel for events: what does not wait should not
cost one. Python 3.12 has `asyncio.eager_task_factory` for this; here is what Python 3.11 needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any


def run_eagerly(work: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
    """Run `work` up to its end, or to the first future that it waits for. Returns the task of the rest, None: it ended.

    Raises what `work` raises before it waits. Until then there is no current task, so `work` may not use
    asyncio.timeout, which needs one, before it has waited.
    """
    try:
        first = work.send(None)
    except StopIteration:
        return None
    return loop.create_task(_rest(work, first))


@coroutine
def _rest(work: Coroutine[Any, Any, None], waited_for: Any) -> Generator[Any, Any, None]:
    """Go on with `work`, which waits for `waited_for`: a future that its `__await__` has marked for the task's step."""
    while True:
        try:
            try:
                value = yield waited_for
            except BaseException as error:  # a cancellation, or the failure of what was waited for
                waited_for = work.throw(error)
            else:
                waited_for = work.send(value)
        except StopIteration:
            return
