"""When the turns of an event loop begin and end, for who measures how late the loop is.

A loop that waits for events is not late. So its lag is known from its turns, and no timer has to wake it to be late.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

OnTurn = Callable[[float, float], float]


class LoopTurns:
    """Written by the loop, on its thread; `woke_s` may be read on others. All times are in seconds of the loop's clock.

    A turn begins at `began_s`, when the loop had to go on, and really at `woke_s`, which is infinite while it waits.
    """

    __slots__ = ("_on_end", "began_s", "due_s", "woke_s")

    def __init__(self) -> None:
        self.began_s = self.woke_s = math.inf
        self.due_s = math.inf  # `end` is to be called for the first turn that ends from then on
        self._on_end: OnTurn = lambda began_s, ended_s: math.inf

    def end(self, ended_s: float) -> None:
        """A turn has ended."""
        self.due_s = self._on_end(self.began_s, ended_s)

    def watch(self, on_end: OnTurn, due_s: float) -> None:
        """Call `on_end(began, ended)` for the first turn that ends from `due_s` on; it returns when next. It must not
        raise. There is one who watches.
        """
        self._on_end, self.due_s = on_end, due_s

    def unwatch(self) -> None:
        self.due_s = math.inf


def turns_of(loop: asyncio.AbstractEventLoop) -> LoopTurns | None:
    """The turns of a loop of ours (app/event_loop.py); None for another loop, which does not tell."""
    turns = getattr(loop, "turns", None)
    return turns if isinstance(turns, LoopTurns) else None
