"""Runs callbacks when an event loop has nothing else to do, just before it waits for events.

What arrives together is gathered by that without a timer: the callback runs once all that was ready is handled. Where
several sockets were ready at once, it runs after a turn with one at most, for more may have become ready meanwhile. A
callback of `call_soon` would run one turn later, and each turn asks the kernel for events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

RUN_WITHIN_S = 0.001  # a loop that is always busy runs the callbacks in the turn that ends after this time
WAIT_MAX_S = 0.1  # how long the loop waits after callbacks ran, for one may have set a timer


def call_before_wait(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """Run `callback` before `loop` waits the next time; in its next turn where the loop is not one of ours.

    The callback may hand work over to a thread, and schedule callbacks and tasks. A timer that it sets may be late by
    WAIT_MAX_S.
    """
    schedule: Callable[[Callable[[], object]], object] = getattr(loop, "call_before_wait", loop.call_soon)
    schedule(callback)
