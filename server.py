"""The composition root: settings → store and backends → chat server → serve → drain; and the other commands.

Decides nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from app import (
    backends,
    checks,
    command_line,
    descriptor_limit,
    event_loop,
    file_permissions,
    stores,
    tracing,
    user_commands,
    watching,
)
from app import settings as settings_module
from app.chat_server import VERSION, ChatServer
from app.checks import Item
from app.command_line import Command, Flag
from app.settings import Settings
from monitor import log_setup
from monitor.measurements import Measurements
from monitor.observer import Observer
from store import sqlite

log = logging.getLogger("server")


async def serve(settings: Settings) -> int:
    """Run one process until SIGTERM or SIGINT, or until the store is no longer ours; returns the exit code."""
    output = log_setup.set_up_queued(log_format=settings.log.format, level=settings.log.level)
    descriptor_limit.prepare(settings)
    whitelist = backends.whitelist(settings)
    hung_up = _hang_ups()
    process_id = f"p{secrets.token_hex(4)}"
    measurements = (
        Measurements(slow_s=settings.monitor.alert_slow_query_ms / 1000, now=time.time)
        if settings.monitor.enabled
        else None
    )
    async with AsyncExitStack() as opened:  # whatever fails, what was opened until then is closed
        spans = tracing.opened(settings, process_id=process_id, version=VERSION)
        opened.push_async_callback(asyncio.to_thread, spans.close)
        store, secret, lost = await opened.enter_async_context(
            stores.opened(settings, Observer() if measurements is None else measurements)
        )
        shared = await opened.enter_async_context(backends.opened(settings, process_id=process_id, counts=measurements))
        server = ChatServer(
            settings,
            store=tracing.store_with(store, spans),
            secret=secret,
            shared=tracing.backends_with(shared, spans),
            whitelist=whitelist,
            process_id=process_id,
            measurements=measurements,
            spans=spans,
            log_dropped=lambda: output.dropped,
        )
        opened.push_async_callback(server.stop)
        await server.start()
        for found in file_permissions.exposed(_private(settings)):
            log.warning("exposed", extra={"fields": found.fields})
        log.info(
            "started",
            extra={
                "fields": {"store": store.name, "loop": event_loop.loop_name(), **settings_module.changed(settings)}
            },
        )
        await _until_told_to_stop(lost, hung_up, server.reload, last_words=output.close)
        log.info("stopping")
    log.info("stopped")
    return 1 if lost.is_set() else 0


def _hang_ups() -> asyncio.Event:
    """Set at each SIGHUP, from now on: one that comes during the start must not end it."""
    event = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, event.set)
    return event


async def _until_told_to_stop(
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


async def _settings_are_well(settings: Settings) -> str:
    """How many there are. Raises RuntimeError where others may read what they keep or name."""
    if found := file_permissions.exposed(_private(settings)):
        raise RuntimeError("; ".join(map(str, found)))
    return f"{len(settings_module.redacted(settings))} values parsed"


def _private(settings: Settings) -> dict[str, Path]:
    """What only this user is to read, by a name for it."""
    folder = settings.server.data_dir
    kept = {"DATA_DIR": folder, "its secret": folder / sqlite.SECRET_NAME} if settings.mongo.uri is None else {}
    return {**kept, **settings.secret_files}


def _serve(settings: Settings) -> int:
    with asyncio.Runner(loop_factory=event_loop.new_event_loop) as runner:
        return runner.run(serve(settings))


def _validate(settings: Settings) -> None:
    """Raises SettingsError for what only those who use a setting know to be wrong."""
    stores.validate(settings)
    backends.validate(settings)


def _check(settings: Settings, *, url: str | None = None) -> int:
    backends.whitelist(settings)  # its file stops a start, too
    items = [
        Item("settings", lambda: _settings_are_well(settings)),
        *stores.items(settings),
        *backends.items(settings),
        *watching.items(settings),
        *user_commands.items(settings),
        *descriptor_limit.items(settings),
        *([Item("proxy", lambda: checks.proxy(url)), Item("websocket", lambda: checks.upgrade(url))] if url else []),
    ]
    return 0 if asyncio.run(checks.run(items, print)) else 1


def _backup(settings: Settings, file: str) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # also who is told to end cleans up
    sqlite.backup(settings.server.data_dir, Path(file))
    return 0


def _restore(settings: Settings, file: str) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sqlite.restore(Path(file), settings.server.data_dir)
    return 0


URL = Flag("--url", settings_module.url_kind("http", "https"), "where a server runs, perhaps behind a proxy")

COMMANDS = {
    "serve": Command("run one process (the default)", _serve),
    "check": Command("check this configuration, and with --url a running server", _check, flags=(URL,)),
    "backup": Command("write a consistent copy of DATA_DIR, also under load", _backup, operands=("FILE",)),
    "migrate": Command("move DATA_DIR to MONGO_URI; cut off, it goes on where it was", stores.migrate),
    "restore": Command("unpack such a copy into an empty DATA_DIR", _restore, operands=("FILE",)),
    "user create": Command(
        "make an account; its password is asked for, or a line of stdin", user_commands.create, ("NAME", "EMAIL")
    ),
    "user password": Command("set another password and end all sessions", user_commands.password, ("NAME",)),
    "user disable": Command("let somebody in no more; open connections are closed", user_commands.disable, ("NAME",)),
    "user enable": Command("let somebody in again", user_commands.enable, ("NAME",)),
}


def main(argv: Sequence[str], *, program: str) -> int:
    """Run a command; returns the exit code. `program` is the name by which this was called."""
    return command_line.main(argv, COMMANDS, program=program, default="serve", validate=_validate)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], program="server.py"))
