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
    command_line,
    deployment_check,
    descriptor_limit,
    event_loop,
    file_permissions,
    migrate_command,
    tracing,
    user_commands,
)
from app import settings as settings_module
from app.command_line import Command
from app.deployment_check import CheckItem
from app.flags import Flag
from app.lifecycle import Process
from app.settings import Settings
from app.stop_signals import hang_ups, until_stopped
from app.version import VERSION
from monitor import log_setup
from monitor.counting_observer import CountingObserver
from monitor.observer import Observer
from store import sqlite

log = logging.getLogger("server")


async def serve(settings: Settings) -> int:
    """Run one process until SIGTERM, SIGINT or the loss of the store's lease; returns the exit code."""
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
    async with AsyncExitStack() as opened:  # closes what was opened, also when a later step fails
        spans = tracing.open_spans(settings, process_id=process_id, version=VERSION)
        opened.push_async_callback(asyncio.to_thread, spans.close)
        storage = await opened.enter_async_context(
            build_storage.build_storage(settings, Observer() if counting_observer is None else counting_observer)
        )
        shared = await opened.enter_async_context(
            build_cluster.build_cluster(settings, process_id=process_id, counts=counting_observer)
        )
        process = Process(
            settings,
            store=tracing.trace_store(storage.store, spans),
            secret=storage.secret,
            shared=tracing.trace_cluster(shared, spans),
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
        await until_stopped(storage.lost, hung_up, process.reload, before_exit=output.close)
        log.info("stopping")
    log.info("stopped")
    return 1 if storage.lost.is_set() else 0


async def _check_settings(settings: Settings) -> str:
    """How many settings there are. Raises RuntimeError where other users may read a file or folder that they name."""
    if found := file_permissions.exposed(_private(settings)):
        raise RuntimeError("; ".join(map(str, found)))
    return f"{len(settings_module.redacted(settings))} values parsed"


def _private(settings: Settings) -> dict[str, Path]:
    """Files and folders that only this user may read, by the name that an operator knows them by."""
    folder = settings.server.data_dir
    own = {"DATA_DIR": folder, "its secret": folder / sqlite.SECRET_NAME} if settings.mongo.uri is None else {}
    return {**own, **settings.secret_files}


def _serve(settings: Settings) -> int:
    with asyncio.Runner(loop_factory=event_loop.new_event_loop) as runner:
        return runner.run(serve(settings))


def validate(settings: Settings) -> None:
    """Raises SettingsError for values that only the modules which use them can judge."""
    build_storage.validate(settings)
    build_cluster.validate(settings)


def _check(settings: Settings, *, url: str | None = None) -> int:
    build_cluster.whitelist(settings)  # its file also stops a start
    items = [
        CheckItem("settings", lambda: _check_settings(settings)),
        *build_storage.check_items(settings),
        *build_cluster.check_items(settings),
        *build_monitoring.check_items(settings),
        *user_commands.check_items(settings),
        *descriptor_limit.check_items(settings),
        *_check_items_of(url),
    ]
    return 0 if asyncio.run(deployment_check.run(items, print)) else 1


def _check_items_of(url: str | None) -> list[CheckItem]:
    """The checks of a running server."""
    if url is None:
        return []
    return [
        CheckItem("proxy", lambda: deployment_check.check_ready(url)),
        CheckItem("websocket", lambda: deployment_check.check_websocket(url)),
    ]


def _backup(settings: Settings, file: str) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that SIGTERM also leaves no unfinished file
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
    "migrate": Command("move DATA_DIR to MONGO_URI; cut off, it goes on where it was", migrate_command.migrate),
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
