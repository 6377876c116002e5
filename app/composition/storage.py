"""Builds the store that the settings choose, and guards it against a second process that does not share it."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from app.clock import now_ms
from app.deployment_check import CheckItem, check_disk
from app.settings import Settings, SettingsError
from common.startup_error import StartupError
from monitor.observer import Observer
from store import sqlite
from store.contract import Store

if TYPE_CHECKING:
    from store.mongo import MongoOptions, MongoStore


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """A store that this process holds alone, or shares by configuration. `lost` is set when its lease is lost."""

    store: Store
    secret: str
    lost: asyncio.Event


@asynccontextmanager
async def build_storage(
    settings: Settings, observer: Observer, *, clock: Callable[[], int] = now_ms
) -> AsyncIterator[Storage]:
    """Open the store and its guard; close both at the end. Raises StartupError with one line.

    `clock` returns the milliseconds since the epoch that become the times of what is written.
    """
    async with (_sqlite if settings.mongo.uri is None else _mongo)(settings, observer, clock) as storage:
        yield storage


@asynccontextmanager
async def _sqlite(settings: Settings, observer: Observer, clock: Callable[[], int]) -> AsyncIterator[Storage]:
    data_dir = settings.server.data_dir
    with sqlite.DirectoryLock(data_dir, shared=settings.redis.configured):
        store = await sqlite.open_store(
            data_dir,
            timeout_s=settings.store.timeout_ms / 1000,
            group_commit=settings.store.group_commit,
            observer=observer,
            now_ms=clock,
            shared=settings.redis.configured,
            slow_ms=settings.monitor.alert_slow_query_ms,
        )
        try:
            yield Storage(
                store=store, secret=settings.auth.jwt_secret or sqlite.generated_secret(data_dir), lost=asyncio.Event()
            )
        finally:
            await store.close()


@asynccontextmanager
async def beside(settings: Settings, *, may_make: bool) -> AsyncIterator[Store]:
    """Open the store without its guard, beside a server that may run on it: for a few writes of any process.

    With `may_make`, an embedded store that does not exist yet is made. Raises StartupError with one line.
    """
    if settings.mongo.uri is not None:
        async with mongo_store(settings, Observer()) as mongo:
            yield mongo
        return
    data_dir = settings.server.data_dir
    if not (may_make or sqlite.is_there(data_dir)):
        raise StartupError(f"DATA_DIR {data_dir} holds no database")
    store = await sqlite.open_store(
        data_dir,
        timeout_s=settings.store.timeout_ms / 1000,
        group_commit=settings.store.group_commit,
        observer=Observer(),
        now_ms=now_ms,
        # With Redis, several processes share the file and queue for its lock; else SQLite's own lock suffices
        shared=settings.redis.configured,
        beside=True,
        slow_ms=settings.monitor.alert_slow_query_ms,
    )
    try:
        yield store
    finally:
        await store.close()


async def usernames_of(settings: Settings, names: Sequence[str]) -> set[str]:
    """Those of the case-folded names that exist. Changes nothing. Raises StartupError with one line."""
    if settings.mongo.uri is None:
        return await asyncio.to_thread(sqlite.taken_usernames, settings.server.data_dir, names)
    options = _mongo_options(settings)
    from store import mongo

    return await mongo.taken_usernames(options, names)


@asynccontextmanager
async def _mongo(settings: Settings, observer: Observer, clock: Callable[[], int]) -> AsyncIterator[Storage]:
    async with (
        mongo_store(settings, observer, clock=clock) as store,
        leased(store, together=settings.redis.configured) as lost,
    ):
        yield Storage(store=store, secret=settings.auth.jwt_secret or "", lost=lost)


@asynccontextmanager
async def leased(store: MongoStore, *, together: bool = False) -> AsyncIterator[asyncio.Event]:
    """Hold the database's lease, which keeps other processes out; with `together`, only those without `together`.

    Yields an event that is set when the lease is lost.
    """
    lease = store.lease(None if together else secrets.token_hex(8))
    try:
        await lease.acquire()
        yield lease.lost
    finally:
        await lease.release()


@asynccontextmanager
async def mongo_store(
    settings: Settings, observer: Observer, *, clock: Callable[[], int] = now_ms
) -> AsyncIterator[MongoStore]:
    """Open the store in MongoDB without its lease; close it at the end."""
    options = _mongo_options(settings)
    from store import mongo

    store = await mongo.open_store(
        options,
        timeout_s=settings.store.timeout_ms / 1000,
        group_commit=settings.store.group_commit,
        observer=observer,
        now_ms=clock,
        slow_ms=settings.monitor.alert_slow_query_ms,
    )
    try:
        yield store
    finally:
        await store.close()


def _mongo_options(settings: Settings) -> MongoOptions:
    """The options of the store in MongoDB. To be called before store.mongo is imported, which only its users do.

    Motor reads MOTOR_MAX_WORKERS when it is first imported. Each operation takes a thread, so there are as many threads
    as connections.
    """
    os.environ.setdefault("MOTOR_MAX_WORKERS", str(settings.mongo.max_pool_size))
    from store.mongo import MongoOptions

    return MongoOptions(**msgspec.structs.asdict(settings.mongo))


def validate(settings: Settings) -> None:
    """Check MONGO_URI by the driver's rules, without a connection.

    Raises SettingsError for a wrong URI, StartupError for a certificate that it names and that cannot be read.
    """
    if settings.mongo.uri is None:
        return
    options = _mongo_options(settings)
    from store import mongo

    try:
        mongo.require_form(options)
    except ValueError as error:
        name = settings.source_of("MONGO_URI")
        raise SettingsError(f"{name}: *** is not valid ({error}); it takes a MongoDB connection string") from error
    except OSError as error:
        raise StartupError(f"MONGO_URI names a file that cannot be used: {error}") from error


def check_items(settings: Settings) -> list[CheckItem]:
    """What the pre-deployment check runs for it."""
    data_dir = settings.server.data_dir
    if settings.mongo.uri is None:
        return [
            CheckItem("store", lambda: asyncio.to_thread(sqlite.probe, data_dir)),
            CheckItem("disk", lambda: asyncio.to_thread(check_disk, data_dir)),
        ]
    options = _mongo_options(settings)
    from store import mongo

    return [
        CheckItem("store", lambda: mongo.probe(options)),
        CheckItem("indexes", lambda: mongo.check_indexes(options)),
    ]


def private_paths(settings: Settings) -> dict[str, Path]:
    """Return the files and folders that only this user may read, by the names that an operator knows."""
    folder = settings.server.data_dir
    own = {"DATA_DIR": folder, "its secret": folder / sqlite.SECRET_NAME} if settings.mongo.uri is None else {}
    return {**own, **settings.secret_files}
