"""One process of the chat server: all services wired together, started, and drained.

Decides nothing that a module of its own could.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import random
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tornado.ioloop import PeriodicCallback

from app import descriptor_limit
from app.backends import Backends
from app.readings import reader
from app.settings import Settings
from app.stores import now_ms
from app.thresholds import thresholds_from
from app.tracing import commands_with
from app.watching import watch
from cache.keys import CacheTtls, Keys
from chat.access_audit import AccessAudit
from chat.accounts import Accounts
from chat.audit_requests import AuditRequests
from chat.connections.command_table import Commands
from chat.connections.pool import Pool
from chat.connections.slot_reconciler import RECONCILE_EVERY_S, SlotReconciler
from chat.delivery.hub import Hub
from chat.delivery.joining import RoomJoiner
from chat.known_addresses import KnownAddresses
from chat.message_writer import MessageWriter
from chat.messages import Messages
from chat.passwords import Passwords
from chat.presence.presence import Presence
from chat.presence.typing_indicators import TypingIndicators
from chat.presenter import Presenter
from chat.reserved_names import ReservedNames
from chat.rooms import Rooms
from chat.tokens import Tokens
from cluster.events import (
    ConnectionReplaced,
    MembershipBegan,
    MembershipEnded,
    PeopleHere,
    PersonGone,
    ProcessBeat,
    RoomChanges,
    RoomEphemeral,
    RoomMessages,
    SessionsRevoked,
    StatusChosen,
    UserEvent,
)
from cluster.membership import BEAT_S, ClusterMembership
from cluster.topics import EVERYONE
from common.paced_callbacks import PacedCallbacks
from common.serial_task_queue import SerialTaskQueue
from common.startup_error import StartupError
from handlers.base import Web
from handlers.cache_health import CacheHealth
from handlers.client_address import ClientAddresses
from handlers.connection_factory import ConnectionFactory, LinkConfig
from handlers.database_health import DatabaseHealth
from handlers.health import About
from handlers.http.bounds import Bounds
from handlers.http.listening_sockets import listening_sockets, paced
from handlers.http.server import BoundedHTTPServer
from handlers.metrics import MetricPages
from handlers.operator_access import Operators
from handlers.performance_health import PerformanceHealth
from handlers.routes import Services, make_application, refusal_log
from handlers.static_files import load_assets
from handlers.wire.compression import Deflater, Inflation
from handlers.wire.frames import text_frame
from handlers.wire.outbox_budget import OutboxBudget
from handlers.wire.traffic import Traffic
from limits.load_shedder import STEP_EVERY_S, LoadShedder, NullLoadShedder
from limits.load_signal import LoadSignal
from limits.whitelist import Whitelist
from monitor.loop_lag import LoopLag
from monitor.measurements import Measurements
from monitor.monitor import Monitor
from monitor.observer import Observer
from monitor.spans import Spans
from store.contract import Store
from store.errors import StoreError
from store.models import Head, Status

VERSION = "0.2.0"
WEB = Path(__file__).parent.parent / "web"
PRESENCE_GRACE_S = 1.0
# The contract allows 5 s for what the bus did not bring: the rest is for reading and telling it.
HEADS_EVERY_S = 4.0
# How long what says who may do what is believed, and what another process may change without our hearing of it
TRUST_S = 4.0
# `server.py user` writes into the store alone: a second after it, nobody may be there whom it shut out
REVOCATIONS_EVERY_S = 0.4
SWEEP_EVERY_S = 3600.0
SWEEP_FIRST_AFTER_S = (5.0, 20.0)
READY_EVERY_S = 1.0
READY_WITHIN_S = 2.0  # a probe that waits longer has given up
DRAIN_WITHIN_S = 25.0

log = logging.getLogger("server")


class ChatServer:
    """One process: everything that `start` made and `stop` lets go of, in the opposite order."""

    def __init__(
        self,
        settings: Settings,
        *,
        store: Store,
        secret: str,
        shared: Backends,
        whitelist: Whitelist,
        process_id: str,
        measurements: Measurements | None,
        spans: Spans,
        log_dropped: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._store = store
        self._shared = shared
        self._callbacks: list[PeriodicCallback] = []
        self._listening: list[socket.socket] = []  # until they are the HTTP server's
        self._ready_at = 0.0
        self._not_ready: str | None = "starting"
        ws = settings.ws
        observer = Observer() if measurements is None else measurements
        cache, bus = shared.cache, shared.bus
        self._bus = bus
        keys = Keys(
            CacheTtls(
                messages_s=settings.cache.ttl_messages_s,
                users_s=settings.cache.ttl_users_s,
                stats_s=settings.cache.ttl_stats_s,
                access_s=TRUST_S,
                unverified_s=TRUST_S if shared.is_shared else math.inf,
            )
        )
        loop = asyncio.get_running_loop()
        self._lag = LoopLag(loop=loop, on_lag=observer.loop_lag)
        self._limiter = shared.limiter
        self._whitelist = whitelist
        slices = PacedCallbacks(loop=loop)
        self._task_queue = SerialTaskQueue(expected=(StoreError,))
        self._presence_loads = SerialTaskQueue(expected=(StoreError,))
        self._access_audits = SerialTaskQueue(expected=(StoreError,))
        self._passwords = Passwords()
        audit_requests = AuditRequests()
        self._hub = Hub(
            store=store,
            bus=bus,
            frame=text_frame,
            observer=observer,
            coalesce=ws.coalesce,
            hold_max_bytes=ws.outbox_max_bytes,
            audit_room=audit_requests.room,
        )
        self._presence = Presence(
            bus=bus,
            task_queue=self._task_queue,
            paced_callbacks=slices,
            process_id=process_id,
            grace_s=PRESENCE_GRACE_S,
            loop=loop,
            deliver=self._hub.on_ephemeral,
            audit_members=audit_requests.members,
        )
        self._typing = TypingIndicators(presence=self._presence, now=time.monotonic)
        presenter = Presenter(status_of=self._presence.status_of, online_count=self._presence.online_count)
        accounts = Accounts(
            store=store,
            cache=cache,
            keys=keys,
            bus=bus,
            passwords=self._passwords,
            tokens=Tokens(
                secret=secret, previous=settings.auth.jwt_secret_previous, expires_in_s=settings.auth.jwt_expires_in_s
            ),
            presenter=presenter,
            known_addresses=KnownAddresses(
                users=store.users,
                secrets=[part for part in (secret, settings.auth.jwt_secret_previous) if part],
                now_ms=now_ms,
            ),
            is_listed=ReservedNames(admin_users=settings.monitor.admin_users, whitelist=whitelist).has,
            is_registration_open=settings.auth.registration == "open",
            refresh_expires_in_s=settings.auth.jwt_refresh_expires_in_s,
            session_max_s=settings.auth.jwt_session_max_s,
            now_ms=now_ms,
        )
        self._rooms = rooms = Rooms(
            store=store,
            cache=cache,
            keys=keys,
            bus=bus,
            limiter=self._limiter,
            presence=self._presence,
            presenter=presenter,
            on_no_member=audit_requests.on_not_member,
        )
        self._message_writer = MessageWriter(
            store=store,
            cache=cache,
            keys=keys,
            bus=bus,
            posted=self._typing.stopped,
            observer=observer,
            timeout_s=settings.store.timeout_ms / 1000,
        )
        self._shedding: LoadShedder | NullLoadShedder = NullLoadShedder()
        if settings.limits.enabled and settings.limits.adaptive:
            load_signal = LoadSignal(
                lag=self._lag,
                queue=lambda: max(
                    self._message_writer.waiting / self._message_writer.max_waiting,
                    store.pending_writes / store.pending_writes_max,
                ),
                now=time.monotonic,
            )
            self._shedding = LoadShedder(load=load_signal.load, observer=observer, now=time.monotonic)
        messages = Messages(
            store=store,
            cache=cache,
            keys=keys,
            limiter=self._limiter,
            message_writer=self._message_writer,
            rooms=rooms,
            presenter=presenter,
            head_of=self._head_of if shared.is_shared else _not_needed,
        )
        self._membership = ClusterMembership(
            bus=bus,
            people=self._presence,
            task_queue=self._task_queue,
            process_id=process_id,
            now=time.monotonic,
            on_death=lambda _: cache.invalidate_all(),  # what it wrote last it may not have invalidated
            on_doubt=audit_requests.audit_all,
        )
        self._pool = Pool(
            hub=self._hub,
            bus=bus,
            connection_slots=shared.connection_slots,
            presence=self._presence,
            task_queue=self._task_queue,
            paced_callbacks=slices,
            observer=observer,
            frame=text_frame,
            max_connections=ws.max_connections,
            max_per_user=ws.max_connections_per_user,
            ping_interval_s=ws.ping_interval_s,
            ping_timeout_s=ws.ping_timeout_s,
            alive=lambda: self._membership.alive,
        )
        self._slots = SlotReconciler(pool=self._pool, connection_slots=shared.connection_slots)
        commands = Commands(
            accounts=accounts,
            rooms=rooms,
            messages=messages,
            joins=RoomJoiner(store=store, hub=self._hub, rooms=rooms, presenter=presenter),
            hub=self._hub,
            presence=self._presence,
            typing=self._typing,
            limiter=self._limiter,
            whitelist=self._whitelist,
            shedding=self._shedding,
            pool=self._pool,
            bus=bus,
            task_queue=self._presence_loads,
            observer=observer,
            now_ms=now_ms,
            outbox_half_bytes=ws.outbox_max_bytes // 2,
        )
        self._access_audit = AccessAudit(
            store=store,
            cache=cache,
            keys=keys,
            pool=self._pool,
            presence=self._presence,
            task_queue=self._access_audits,
            begin=self._membership_began,
            end=self._membership_ended,
            now_ms=now_ms,
        )
        audit_requests.start(self._access_audit)
        self._receivers: dict[type, Callable[..., object]] = {
            RoomMessages: self._hub.on_messages,
            RoomChanges: self._hub.on_changes,
            RoomEphemeral: self._hub.on_ephemeral,
            UserEvent: self._pool.on_user_event,
            SessionsRevoked: self._pool.on_sessions_revoked,
            MembershipBegan: self._membership_began,
            MembershipEnded: self._membership_ended,
            ConnectionReplaced: self._pool.on_connection_replaced,
            StatusChosen: lambda chosen: self._presence.set_status(chosen.user_id, Status(chosen.status), chosen.rev),
            PeopleHere: self._membership.on_people,
            PersonGone: self._membership.on_gone,
            ProcessBeat: self._membership.on_beat,
        }
        budget, traffic = OutboxBudget(ws.outbox_total_bytes), Traffic()
        self._monitor = Monitor(
            process_id=process_id,
            measurements=measurements,
            data_dir=settings.server.data_dir if settings.mongo.uri is None else None,
            readings=reader(
                pool=self._pool,
                connections_max=ws.max_connections,
                hub=self._hub,
                budget=budget,
                traffic=traffic,
                message_writer=self._message_writer,
                store=store,
                bus=bus,
                limiter=self._limiter,
                shedding=self._shedding,
                log_dropped=log_dropped,
            ),
            busiest=self._hub.busiest,
            publish_snapshot=shared.snapshots.tell if shared.is_shared else None,
            fetch_snapshots=shared.snapshots.told,
            lag=self._lag,
            interval_s=settings.monitor.interval_s,
        )
        thresholds = thresholds_from(settings)
        database_health = DatabaseHealth(store=store, thresholds=thresholds, now=time.monotonic)
        cache_health = CacheHealth(
            cache=cache,
            bus=bus,
            limiter=self._limiter if shared.is_shared and settings.limits.enabled else None,
            counts=shared.counts,
            thresholds=thresholds,
            now=time.monotonic,
        )
        link_config = LinkConfig(
            max_message_bytes=ws.max_message_bytes,
            outbox_max_bytes=ws.outbox_max_bytes,
            budget=budget,
            traffic=traffic,
            paced_callbacks=slices,
            frames=settings.limits.frames if settings.limits.enabled else None,
            deflater=Deflater() if ws.compression else None,
            inflation=Inflation(max_message_bytes=ws.max_message_bytes) if ws.compression else None,
            unacked_max_s=ws.ping_interval_s + ws.ping_timeout_s,
            heartbeat_interval_s=ws.ping_interval_s,
            process_id=process_id,
            now=time.monotonic,
        )
        self.watch = watch(settings, monitoring=store.monitoring, process_id=process_id)
        services = Services(
            web=Web(
                accounts=accounts,
                limiter=self._limiter,
                whitelist=self._whitelist,
                shedding=self._shedding,
                clients=ClientAddresses(trusted=settings.server.trusted_proxies, now=time.monotonic),
                cors_origins=settings.server.cors_origins,
                operators=Operators(
                    networks=settings.monitor.metrics_allow,
                    hosts=frozenset(settings.monitor.metrics_hosts),
                    usernames=frozenset(name.casefold() for name in settings.monitor.admin_users),
                ),
                observer=observer,
                spans=spans,
            ),
            rooms=rooms,
            messages=messages,
            presenter=presenter,
            about=About(
                version=VERSION,
                store=store.name,
                cache=shared.cache_name,
                process_id=process_id,
                started_at=time.monotonic(),
            ),
            readiness=self,
            database_health=database_health,
            cache_health=cache_health,
            performance_health=PerformanceHealth(
                newest=lambda: self._monitor.newest_sample,
                connections=lambda: self._pool.connections,
                store_queue=lambda: self._message_writer.waiting,
                store_queue_max=self._message_writer.max_waiting,
                thresholds=thresholds,
            ),
            metrics=self._monitor.metrics,
            metric_pages=MetricPages(
                metrics=self._monitor.metrics,
                database_health=database_health,
                cache_health=cache_health,
                newest=lambda: self._monitor.newest_sample,
            ),
            watch=self.watch,
            assets=load_assets(WEB),
            connection_factory=ConnectionFactory(
                pool=self._pool, commands=commands_with(commands, spans), link_config=link_config, observer=observer
            ),
        )
        self._http = BoundedHTTPServer(
            make_application(services),
            bounds=Bounds(),
            trusted_proxies=settings.server.trusted_proxies,
            on_refusal=refusal_log(observer),
        )

    async def start(self) -> None:
        """Listen. Raises StartupError where the port is taken or the address is not ours."""
        server, ws = self._settings.server, self._settings.ws
        try:
            self._listening = listening_sockets(server.host, server.port)
        except OSError as error:
            where = f"[{server.host}]" if ":" in server.host else server.host
            raise StartupError(f"cannot listen on {where}:{server.port}: {error.strerror or error}") from error
        self._bus.start(receive=self._receive, on_back=self._bus_is_back)
        await self._bus.subscribe(EVERYONE)
        self._every(min(1.0, ws.ping_interval_s, ws.ping_timeout_s) / 4, self._pool.sweep)
        self._every(ws.cleanup_interval_s, self._pool.clean_up)
        self._every(0.5, self._typing.sweep)
        self._every(1.0, self._presence.tell_counts)
        self._every(60.0, self._limiter.sweep)
        self._every(REVOCATIONS_EVERY_S, self._access_audit.check_revocations_quietly)
        self._every(STEP_EVERY_S, self._shedding.step)
        self._every(HEADS_EVERY_S, lambda: _tried(self._hub.check_heads))
        self._every(HEADS_EVERY_S, self._access_audit.resume)
        if self._shared.is_shared:
            self._every(HEADS_EVERY_S, lambda: _tried(self._access_audit.check_sessions))
            self._every(BEAT_S, self._beat)
            self._every(RECONCILE_EVERY_S, self._slots.start)
            self._bus_is_back()
        self._soon_and_every(SWEEP_EVERY_S, lambda: _tried(lambda: self._store.sweep(now_ms())))
        self._monitor.sampler.subscribers.append(self.watch.on_sample)
        self._lag.start()
        self._monitor.start()
        self._not_ready = None
        listening, self._listening = self._listening, []
        self._http.add_sockets(paced(listening, descriptors_max=descriptor_limit.limit()))
        # A pass of the garbage collector over 10,000 connections stalls the loop: what is here stays, old objects are
        # seldom looked at, and the young are few enough for 3 ms.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 50, 100)

    def _every(self, seconds: float, callback: Callable[[], object]) -> None:
        periodic = PeriodicCallback(callback, max(seconds, 0.02) * 1000)  # type: ignore[arg-type]
        periodic.start()
        self._callbacks.append(periodic)

    def _soon_and_every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """As `_every`, and once soon: a process that is started each day, or each quarter of an hour, has that to do,
        too.
        """

        async def once() -> None:
            first.stop()
            await work()

        # Several that start at once take turns
        first = PeriodicCallback(once, random.uniform(*SWEEP_FIRST_AFTER_S) * 1000)
        first.start()
        self._callbacks.append(first)
        self._every(seconds, work)

    async def ready(self) -> str | None:
        """None, or why no traffic should come here; the store is asked once a second at most."""
        if self._pool.draining:
            return "draining"
        if time.monotonic() - self._ready_at >= READY_EVERY_S:
            self._ready_at = time.monotonic()
            try:
                async with asyncio.timeout(READY_WITHIN_S):
                    await self._store.ping()
                self._not_ready = None
            except (StoreError, TimeoutError) as error:
                self._not_ready = f"store: {str(error) or 'no answer'}"
        return self._not_ready

    def _bus_is_back(self) -> None:
        """Catch up with what the bus may not have brought."""
        self._membership.back()
        self._slots.start()
        self._access_audit.audit_all()
        self._access_audits.run(self._hub.check_heads)
        self._access_audits.run(self._access_audit.check_revocations)
        self._access_audits.run(self._access_audit.check_sessions)

    async def _beat(self) -> None:
        self._membership.beat()
        self._shared.cache.ensure_generation()
        if await self._shared.connection_slots.forgotten():
            self._slots.start()

    async def _head_of(self, room_id: str) -> Head | None:
        """How far a room is: as delivered here, else as the store says."""
        return self._hub.head_of(room_id) or (await self._store.rooms.heads([room_id])).get(room_id)

    def _receive(self, topic: str, happening: object) -> None:
        self._receivers[type(happening)](happening)

    def _membership_began(self, began: MembershipBegan) -> None:
        self._presence.began(began.room_id, began.user_id, began.rev)

    def _membership_ended(self, ended: MembershipEnded) -> None:
        self._pool.on_membership_ended(ended)
        if self._presence.ended(ended.room_id, ended.user_id, ended.rev):
            self._typing.stopped(ended.room_id, ended.user_id)

    async def reload(self) -> None:
        """Read again what can change while the process runs: the whitelist's file."""
        await self._whitelist.reload()

    async def stop(self) -> None:
        """Drain the connections, settle what was accepted, and let go of everything; also after a start that failed
        half way.
        """
        for one in self._listening:
            one.close()
        self._pool.begin_drain()
        self._presence.begin_leaving()
        try:
            await asyncio.wait_for(self._pool.drain(), DRAIN_WITHIN_S)
        except TimeoutError:
            log.warning("the drain took too long; what is left is cut")
        await self._pool.close()
        for periodic in self._callbacks:
            periodic.stop()
        self._lag.stop()
        self._monitor.stop()
        await self.watch.close()
        self._shared.snapshots.leave()
        self._http.stop()
        await self._message_writer.close()
        await self._rooms.close()
        await self._membership.leave()
        for part in (
            self._slots,
            self._presence_loads,
            self._access_audits,
            self._task_queue,
            self._hub,
            self._limiter,
        ):
            await part.close()
        self._presence.close()
        await self._http.close_all_connections()
        self._passwords.close()


async def _not_needed(room_id: str) -> Head | None:
    """The only process invalidates all that it writes."""
    return None


async def _tried(work: Callable[[], Awaitable[object]]) -> None:
    """Periodic work on the store; when it fails, the next turn tries again."""
    try:
        await work()
    except StoreError as error:
        log.warning("periodic work failed: %s", error)
