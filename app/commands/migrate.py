"""`server.py migrate`: copies the store in DATA_DIR to the database at MONGO_URI."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

from app.commands.progress_bar import ProgressBar
from app.composition.storage import leased, mongo_store
from app.settings import Settings
from common.startup_error import StartupError
from monitor import log_setup
from monitor.observer import Observer
from store import sqlite, store_copy
from store.errors import StoreTimeout, StoreUnavailable

R = TypeVar("R")


async def _run_while_leased(lost: asyncio.Event, work: Coroutine[Any, Any, R]) -> R:
    """The result of `work`. Raises StartupError with one line, and cancels `work`, when the store's lease is lost."""
    working, losing = asyncio.ensure_future(work), asyncio.ensure_future(lost.wait())
    try:
        await asyncio.wait((working, losing), return_when=asyncio.FIRST_COMPLETED)
        if lost.is_set():
            raise StartupError("another process has taken the database's lease: stop it, and run this again")
        return await working
    finally:
        for task in (working, losing):
            task.cancel()
        await asyncio.gather(working, losing, return_exceptions=True)


def migrate(settings: Settings) -> int:
    """Copy the store and show a progress bar; returns 0. Raises StartupError with one line."""
    if settings.mongo.uri is None:
        raise StartupError("MONGO_URI is not set: it says where to")
    bar = ProgressBar(sys.stderr)

    async def run() -> None:
        log_setup.set_up(log_format=settings.log.format, level="warning")
        with sqlite.DirectoryLock(settings.server.data_dir, shared=False):
            source = sqlite.SqliteExporter(settings.server.data_dir)
            try:
                async with mongo_store(settings, Observer()) as store, leased(store) as lost:
                    work = store_copy.copy_store(
                        source, store.importer(), source_id=source.source_id(), read_back=store, report=bar.show
                    )
                    digests = await _run_while_leased(lost, work)
            finally:
                await source.close()
                bar.end()
        for kind, digest in digests.items():
            print(f"{kind:10} {digest.count:>12,}  {digest.checksum[:16]}")

    try:
        asyncio.run(run())
    except (StoreUnavailable, StoreTimeout) as error:
        raise StartupError(f"cut off ({error}); run it again, and it goes on from there") from error
    return 0
