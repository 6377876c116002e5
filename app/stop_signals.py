"""The signals of a running process: SIGTERM and SIGINT end it, SIGHUP has it read its files again."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable

log = logging.getLogger("server")


def hang_ups() -> asyncio.Event:
    """Set at each SIGHUP, from now on: one that comes during the start must not end it."""
    event = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, event.set)
    return event


async def until_stopped(
    lost: asyncio.Event,
    hung_up: asyncio.Event,
    reload: Callable[[], Awaitable[None]],
    *,
    last_words: Callable[[], None],
) -> None:
    """Wait for a signal to end, or for `lost`; each time it is hung up `reload`, unless it was a terminal that did,
    which is an end.

    Told twice the process ends there and then, after `last_words`.
    """
    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    def stop() -> None:
        if told.is_set():
            last_words()
            os._exit(1)  # told twice: somebody does not want to wait
        told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    had_terminal = os.isatty(0)

    async def hang_up() -> None:
        if had_terminal and not os.isatty(0):
            stop()
        else:
            await reload()

    reloading = loop.create_task(_at_each(hung_up, hang_up))
    waits = [loop.create_task(event.wait()) for event in (told, lost)]
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
            # The next may not; no thread was to be had, perhaps
            log.exception("the reload that SIGHUP asked for failed")
