"""The composition root: settings → clients → services → routes → serve → drain. Imports everything, decides nothing else."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.ioloop import PeriodicCallback
from tornado.netutil import bind_sockets

import command_line
import settings as settings_module
import stores
from cache.bus import MemoryBus
from cache.contract import Bus, Cache
from cache.events import MembershipBegan, MembershipEnded, RoomChanges, RoomEphemeral, RoomMessages, SessionsRevoked, UserEvent
from cache.keys import CacheTtls, Keys
from cache.memory import MemoryCache, NoCache
from command_line import Command
from handlers.base import Operators, Web
from handlers.chat.accounts import Accounts
from handlers.chat.commands import Commands
from handlers.chat.errands import Errands
from handlers.chat.hub import Hub
from handlers.chat.joining import Joins
from handlers.chat.messages import Messages
from handlers.chat.passwords import Passwords
from handlers.chat.pool import Pool
from handlers.chat.posting import Posting
from handlers.chat.presence import Presence
from handlers.chat.rooms import Rooms
from handlers.chat.tokens import Tokens
from handlers.chat.topics import EVERYONE
from handlers.chat.typing import Typing
from handlers.chat.views import Views
from handlers.database_health import DatabaseHealth, Thresholds
from handlers.health import About
from handlers.listening import paced
from handlers.pages import load_assets
from handlers.routes import Services, make_application
from handlers.socket import Gate, Wiring
from handlers.wire.compression import Deflater
from handlers.wire.frames import text_frame
from handlers.wire.link import OutboxBudget
from limits.contract import Limiter
from limits.memory import MemoryLimiter, NoLimiter
from monitor import checkup, logs
from monitor.checkup import Item
from monitor.hooks import Observer
from settings import Settings
from store import sqlite
from store.contract import Store
from store.errors import StartRefused, StoreError
from stores import now_ms

VERSION = "0.1.0"
WEB = Path(__file__).parent / "web"
PRESENCE_GRACE_S = 1.0
BODY_TIMEOUT_S = 10.0
IDLE_TIMEOUT_S = 75.0
HEADS_EVERY_S = 5.0
READY_EVERY_S = 1.0
DRAIN_WITHIN_S = 25.0

log = logging.getLogger("server")


class ChatServer:
    """One process: everything that `start` made and `stop` lets go of, in the opposite order."""

    def __init__(self, settings: Settings, *, store: Store, secret: str) -> None:
        self._settings = settings
        self._store = store
        self._callbacks: list[PeriodicCallback] = []
        self._ready_at = 0.0
        self._not_ready: str | None = "starting"
        ws = settings.ws
        observer = Observer()
        process_id = f"p{secrets.token_hex(4)}"
        self._cache = _make_cache(settings, observer)
        keys = Keys(
            CacheTtls(
                messages_s=settings.cache.ttl_messages_s,
                users_s=settings.cache.ttl_users_s,
                stats_s=settings.cache.ttl_stats_s,
            )
        )
        self._bus: Bus = MemoryBus()
        self._limiter = _make_limiter(settings, observer)
        self._errands = Errands()
        self._entrances = Errands()
        self._passwords = Passwords()
        loop = asyncio.get_running_loop()
        self._presence = Presence(bus=self._bus, errands=self._errands, grace_s=PRESENCE_GRACE_S, loop=loop)
        self._typing = Typing(presence=self._presence, now=time.monotonic)
        self._presence.on_gone(self._typing.gone)
        views = Views(status_of=self._presence.status_of, online_count=self._presence.online_count)
        accounts = Accounts(
            store=store,
            cache=self._cache,
            keys=keys,
            bus=self._bus,
            passwords=self._passwords,
            tokens=Tokens(
                secret=secret, previous=settings.auth.jwt_secret_previous, expires_in_s=settings.auth.jwt_expires_in_s
            ),
            views=views,
            refresh_expires_in_s=settings.auth.jwt_refresh_expires_in_s,
            now_ms=now_ms,
        )
        rooms = Rooms(
            store=store,
            cache=self._cache,
            keys=keys,
            bus=self._bus,
            limiter=self._limiter,
            presence=self._presence,
            views=views,
        )
        self._posting = Posting(store=store, cache=self._cache, keys=keys, bus=self._bus, posted=self._typing.stopped)
        messages = Messages(
            store=store, cache=self._cache, keys=keys, limiter=self._limiter, posting=self._posting, rooms=rooms, views=views
        )
        self._hub = Hub(
            store=store,
            bus=self._bus,
            frame=text_frame,
            observer=observer,
            coalesce=ws.coalesce,
            hold_max_bytes=ws.outbox_max_bytes,
        )
        self._pool = Pool(
            hub=self._hub,
            bus=self._bus,
            presence=self._presence,
            errands=self._errands,
            observer=observer,
            frame=text_frame,
            max_connections=ws.max_connections,
            max_per_user=ws.max_connections_per_user,
            ping_interval_s=ws.ping_interval_s,
            ping_timeout_s=ws.ping_timeout_s,
            now_ms=now_ms,
        )
        commands = Commands(
            accounts=accounts,
            rooms=rooms,
            messages=messages,
            joins=Joins(store=store, hub=self._hub, rooms=rooms, views=views),
            hub=self._hub,
            presence=self._presence,
            typing=self._typing,
            limiter=self._limiter,
            pool=self._pool,
            errands=self._entrances,
            now_ms=now_ms,
            outbox_half_bytes=ws.outbox_max_bytes // 2,
        )
        self._bus.receiver = self._receive
        self._receivers: dict[type, Callable[..., None]] = {
            RoomMessages: self._hub.on_messages,
            RoomChanges: self._hub.on_changes,
            RoomEphemeral: self._hub.on_ephemeral,
            UserEvent: self._pool.on_user_event,
            SessionsRevoked: self._pool.on_sessions_revoked,
            MembershipBegan: lambda began: self._presence.began(began.room_id, began.user_id),
            MembershipEnded: self._membership_ended,
        }
        wiring = Wiring(
            max_message_bytes=ws.max_message_bytes,
            outbox_max_bytes=ws.outbox_max_bytes,
            budget=OutboxBudget(ws.outbox_total_bytes),
            deflater=Deflater() if ws.compression else None,
            unacked_max_s=ws.ping_interval_s + ws.ping_timeout_s,
            heartbeat_interval_s=ws.ping_interval_s,
            process_id=process_id,
            now=time.monotonic,
        )
        services = Services(
            web=Web(
                accounts=accounts,
                limiter=self._limiter,
                trusted_proxies=settings.server.trusted_proxies,
                cors_origins=settings.server.cors_origins,
                operators=Operators(
                    networks=settings.monitor.metrics_allow,
                    usernames=frozenset(name.casefold() for name in settings.monitor.admin_users),
                ),
            ),
            rooms=rooms,
            messages=messages,
            views=views,
            about=About(
                version=VERSION,
                store=store.name,
                cache="memory" if settings.cache.enabled else "off",
                process_id=process_id,
                started_at=time.monotonic(),
            ),
            readiness=self,
            database_health=DatabaseHealth(
                store=store,
                thresholds=Thresholds(
                    latency_ms=settings.monitor.alert_slow_query_ms, pool_percent=settings.monitor.alert_pool_percent
                ),
                now=time.monotonic,
            ),
            assets=load_assets(WEB),
            gate=Gate(pool=self._pool, commands=commands, wiring=wiring),
        )
        self._http = HTTPServer(
            make_application(services),
            xheaders=False,  # it would believe any peer; handlers/client.py believes TRUSTED_PROXIES
            max_body_size=2**40,  # each handler has its own bound and answers 413 while the body streams
            max_header_size=16_384,
            body_timeout=BODY_TIMEOUT_S,
            idle_connection_timeout=IDLE_TIMEOUT_S,
        )

    async def start(self) -> None:
        """Listen. Raises StartRefused where the port is taken or the address is not ours."""
        server, ws = self._settings.server, self._settings.ws
        try:
            sockets = bind_sockets(server.port, address=server.host, backlog=4096)
        except OSError as error:
            raise StartRefused(f"cannot listen on {server.host}:{server.port}: {error.strerror or error}") from error
        await self._bus.subscribe(EVERYONE)
        self._every(min(1.0, ws.ping_interval_s, ws.ping_timeout_s) / 4, self._pool.sweep)
        self._every(ws.cleanup_interval_s, self._pool.clean_up)
        self._every(0.5, self._typing.sweep)
        self._every(1.0, self._presence.tell_counts)
        self._every(60.0, self._limiter.sweep)
        self._every(HEADS_EVERY_S, lambda: _tried(self._hub.check_heads))
        self._every(3600.0, lambda: _tried(lambda: self._store.sweep(now_ms())))
        self._not_ready = None
        self._http.add_sockets(paced(sockets))
        # A pass of the garbage collector over 10,000 connections stalls the loop: what is here stays, old objects are seldom
        # looked at, and the young are few enough for 3 ms.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 50, 100)

    def _every(self, seconds: float, callback: Callable[[], object]) -> None:
        periodic = PeriodicCallback(callback, max(seconds, 0.02) * 1000)  # type: ignore[arg-type]
        periodic.start()
        self._callbacks.append(periodic)

    async def ready(self) -> str | None:
        """None, or why no traffic should come here; the store is asked once a second at most."""
        if self._pool.draining:
            return "draining"
        if time.monotonic() - self._ready_at >= READY_EVERY_S:
            self._ready_at = time.monotonic()
            try:
                await self._store.ping()
                self._not_ready = None
            except StoreError as error:
                self._not_ready = f"store: {error}"
        return self._not_ready

    def _receive(self, topic: str, happening: object) -> None:
        self._receivers[type(happening)](happening)

    def _membership_ended(self, ended: MembershipEnded) -> None:
        self._pool.on_membership_ended(ended)
        self._presence.ended(ended.room_id, ended.user_id)
        self._typing.stopped(ended.room_id, ended.user_id)

    async def stop(self) -> None:
        """Drain the connections, settle what was accepted, and let go of everything."""
        self._pool.draining = True
        try:
            await asyncio.wait_for(self._pool.drain(), DRAIN_WITHIN_S)
        except TimeoutError:
            log.warning("the drain took too long; what is left is cut")
        await self._pool.close()
        for periodic in self._callbacks:
            periodic.stop()
        self._http.stop()
        await self._posting.close()
        for part in (self._entrances, self._errands, self._hub, self._cache, self._bus):
            await part.close()
        self._presence.close()
        await self._http.close_all_connections()
        self._passwords.close()


def _make_cache(settings: Settings, observer: Observer) -> Cache:
    return MemoryCache(observer=observer) if settings.cache.enabled else NoCache()


def _make_limiter(settings: Settings, observer: Observer) -> Limiter:
    if not settings.limits.enabled:
        return NoLimiter()
    return MemoryLimiter(policies=settings.limits.policies, observer=observer)


async def _tried(work: Callable[[], Awaitable[object]]) -> None:
    """Periodic work on the store; when it fails, the next turn tries again."""
    try:
        await work()
    except StoreError as error:
        log.warning("periodic work failed: %s", error)


async def serve(settings: Settings) -> int:
    """Run one process until SIGTERM or SIGINT, or until the store is no longer ours; returns the exit code."""
    logs.set_up(log_format=settings.log.format, level=settings.log.level)
    _require_built(settings)
    async with stores.opened(settings, Observer()) as (store, secret, lost):
        server = ChatServer(settings, store=store, secret=secret)
        await server.start()
        log.info("started", extra={"fields": {"store": store.name, "loop": _loop_name(), **settings_module.changed(settings)}})
        await _until_told_to_stop(lost)
        log.info("stopping")
        await server.stop()
        log.info("stopped")
    return 1 if lost.is_set() else 0


async def _until_told_to_stop(lost: asyncio.Event) -> None:
    """Wait for a signal, or for `lost`."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()

    def stop() -> None:
        if told.is_set():
            os._exit(1)  # told twice: somebody does not want to wait
        told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    waits = [loop.create_task(event.wait()) for event in (told, lost)]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


async def _found(what: str) -> str:
    return what


def _require_built(settings: Settings) -> None:
    """Refuse what is asked for and not there yet, rather than run without it."""
    if settings.redis.configured:
        raise StartRefused("REDIS_HOST or REDIS_URL is set, but this version runs as one process without Redis")


def _serve(settings: Settings) -> int:
    with asyncio.Runner(loop_factory=_event_loop()) as runner:
        return runner.run(serve(settings))


def _loop_name() -> str:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


def _event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where the extra `fast` is installed; else the standard one."""
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _check(settings: Settings, *, url: str | None = None) -> int:
    items = [
        Item("settings", lambda: _found(f"{len(settings_module.redacted(settings))} values parsed")),
        *stores.items(settings),
        *([Item("proxy", lambda: checkup.proxy(url)), Item("websocket", lambda: checkup.upgrade(url))] if url else []),
    ]
    return 0 if asyncio.run(checkup.run(items, print)) else 1


def _backup(settings: Settings, file: str) -> int:
    sqlite.backup(settings.server.data_dir, Path(file))
    return 0


def _restore(settings: Settings, file: str) -> int:
    sqlite.restore(Path(file), settings.server.data_dir)
    return 0


COMMANDS = {
    "serve": Command("run one process (the default)", _serve),
    "check": Command("check this configuration, and with --url a running server", _check, flags=("--url",)),
    "backup": Command("write a consistent copy of DATA_DIR, also under load", _backup, operands=("FILE",)),
    "migrate": Command("move DATA_DIR to MONGO_URI; cut off, it goes on where it was", stores.migrate),
    "restore": Command("unpack such a copy into an empty DATA_DIR", _restore, operands=("FILE",)),
}


if __name__ == "__main__":
    sys.exit(command_line.main(sys.argv[1:], COMMANDS, default="serve"))
