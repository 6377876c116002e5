"""Callbacks before the wait, on every loop. What the server's own loop does is in tests/unit/app/test_event_loop.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing

import pytest

from app.event_loop import new_event_loop
from common.before_wait import call_before_wait


@pytest.mark.parametrize("make_loop", [new_event_loop, asyncio.SelectorEventLoop])
def test_a_callback_runs_once_after_what_is_ready_and_before_the_loop_waits(
    make_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    seen: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        ran = loop.create_future()
        call_before_wait(loop, lambda: seen.append("before the wait"))
        call_before_wait(loop, lambda: loop.call_soon(ran.set_result, None))
        seen.append("ready")
        await asyncio.wait_for(ran, 30)

    with closing(make_loop()) as loop:
        loop.run_until_complete(main())
    assert seen == ["ready", "before the wait"]
