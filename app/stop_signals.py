"""The signals of a running process: SIGTERM and SIGINT end it; on SIGHUP it reads its files again."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable

log = logging.getLogger("server")


def hang_ups() -> asyncio.Event:
    """An event that each SIGHUP sets from now on, so that a SIGHUP during the start does not end the process."""
    event = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, event.set)
    return event


async def until_stopped(
    lost: asyncio.Event,
    hung_up: asyncio.Event,
    reload: Callable[[], Awaitable[None]],
    *,
    before_exit: Callable[[], None],
) -> None:
    """Wait for SIGTERM, SIGINT or the event `lost`. Call `reload` at each SIGHUP.

    A SIGHUP from a terminal that was closed ends the wait, too. A second signal to stop ends the process at once with
    exit code 1, after a call of `before_exit`.
    """
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            log.warning("ended at once, for a second signal came: connections and requests under way are cut off")
            before_exit()
            os._exit(1)  # the operator does not want to wait for the drain
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    had_terminal = os.isatty(0)

    async def hang_up() -> None:
        if had_terminal and not os.isatty(0):
            stop()
        else:
            await reload()

    reloading = loop.create_task(_at_each(hung_up, hang_up))
    waits = [loop.create_task(event.wait()) for event in (stopping, lost)]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in (*waits, reloading):
        task.cancel()


async def _at_each(event: asyncio.Event, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await event.wait()
        event.clear()
        try:
            await work()
        except Exception:
            # The next one may succeed: perhaps no thread could be started
            log.exception("the reload that SIGHUP asked for failed")
