"""SIGHUP in a running process: each one causes a reload, also after a reload that failed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

import pytest

from app.stop_signals import hang_ups, until_stopped

WITHIN_S = 30.0


async def serve_until(reload: Callable[[], Awaitable[None]], *, over: asyncio.Event) -> None:
    """What `serve` does between its start and its end: until the event `over`, with a first SIGHUP during the start."""
    hung_up = hang_ups()
    os.kill(os.getpid(), signal.SIGHUP)
    try:
        async with asyncio.timeout(WITHIN_S):
            await until_stopped(over, hung_up, reload, before_exit=lambda: None)
    finally:
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)


@pytest.mark.gen_test
async def test_a_reload_that_fails_is_logged_and_the_next_is_done(caplog: pytest.LogCaptureFixture) -> None:
    over, reloads = asyncio.Event(), 0

    async def reload() -> None:
        nonlocal reloads
        reloads += 1
        if reloads == 1:
            os.kill(os.getpid(), signal.SIGHUP)
            raise RuntimeError("can't start new thread")
        over.set()

    await serve_until(reload, over=over)
    assert reloads == 2
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("ERROR", "the reload that SIGHUP asked for failed")
    assert record.exc_info is not None
    caplog.clear()
