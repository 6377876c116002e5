"""The table of commands, and those that need no module of their own: serve, check, backup, restore."""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from app import (
    build_cluster,
    build_monitoring,
    build_storage,
    checks,
    command_line,
    descriptor_limit,
    event_loop,
    file_permissions,
    migrate,
    tracing,
    user_commands,
)
from app import settings as settings_module
from app.checks import Item
from app.command_line import Command
from app.flags import Flag
from app.process import Process
from app.settings import Settings
from app.stop_signals import hang_ups, until_stopped
from app.version import VERSION
from monitor import log_setup
from monitor.counting_observer import CountingObserver
from monitor.observer import Observer
from store import sqlite

log = logging.getLogger("server")


async def serve(settings: Settings) -> int:
    """Run one process until SIGTERM or SIGINT, or until the store is no longer ours; returns the exit code."""
    output = log_setup.set_up_queued(log_format=settings.log.format, level=settings.log.level)
    descriptor_limit.prepare(settings)
    whitelist = build_cluster.whitelist(settings)
    hung_up = hang_ups()
    process_id = f"p{secrets.token_hex(4)}"
    counting_observer = (
        CountingObserver(slow_s=settings.monitor.alert_slow_query_ms / 1000, now=time.time)
        if settings.monitor.enabled
        else None
    )
    async with AsyncExitStack() as opened:  # whatever fails, what was opened until then is closed
        spans = tracing.opened(settings, process_id=process_id, version=VERSION)
        opened.push_async_callback(asyncio.to_thread, spans.close)
        storage = await opened.enter_async_context(
            build_storage.build_storage(settings, Observer() if counting_observer is None else counting_observer)
        )
        shared = await opened.enter_async_context(
            build_cluster.build_cluster(settings, process_id=process_id, counts=counting_observer)
        )
        process = Process(
            settings,
            store=tracing.store_with(storage.store, spans),
            secret=storage.secret,
            shared=tracing.cluster_with(shared, spans),
            whitelist=whitelist,
            process_id=process_id,
            counting_observer=counting_observer,
            spans=spans,
            log_output=output,
        )
        opened.push_async_callback(process.stop)
        await process.start()
        for found in file_permissions.exposed(_private(settings)):
            log.warning("exposed", extra={"fields": found.fields})
        log.info(
            "started",
            extra={
                "fields": {
                    "store": storage.store.name,
                    "loop": event_loop.loop_name(),
                    **settings_module.changed(settings),
                }
            },
        )
        await until_stopped(storage.lost, hung_up, process.reload, last_words=output.close)
        log.info("stopping")
    log.info("stopped")
    return 1 if storage.lost.is_set() else 0


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


def validate(settings: Settings) -> None:
    """Raises SettingsError for what only those who use a setting know to be wrong."""
    build_storage.validate(settings)
    build_cluster.validate(settings)


def _check(settings: Settings, *, url: str | None = None) -> int:
    build_cluster.whitelist(settings)  # its file stops a start, too
    items = [
        Item("settings", lambda: _settings_are_well(settings)),
        *build_storage.items(settings),
        *build_cluster.items(settings),
        *build_monitoring.items(settings),
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
    "migrate": Command("move DATA_DIR to MONGO_URI; cut off, it goes on where it was", migrate.migrate),
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
    return command_line.main(argv, COMMANDS, program=program, default="serve", validate=validate)
