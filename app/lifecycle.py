"""The lifecycle of one process of the chat server: start, drain, stop.

Its parts are closed in the reverse of the order in which they are started.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial

from tornado.ioloop import PeriodicCallback

from app import descriptor_limit
from app.clock import now_ms
from app.composition.chat import Chat
from app.composition.cluster import Cluster
from app.composition.server import Server
from app.listening_refusal import listening_refusal
from app.settings import Settings
from chat.connections.slot_reconciler import RECONCILE_EVERY_S
from cluster.live_processes import BEAT_S
from cluster.topics import CACHE, EVERYONE
from common.startup_error import StartupError
from handlers.http.listening_sockets import listening_sockets, paced
from limits.load_shedding import STEP_EVERY_S, LoadShedder, NullLoadShedder
from limits.whitelist import Whitelist
from store.contract import Store
from store.errors import StoreError

# The contract allows 5 s until a message is delivered that the bus lost: the last second is for reading and sending it.
HEADS_EVERY_S = 4.0
# `server.py user disable` writes only to the store; the contract has the user's sockets closed within 1 s of it.
REVOCATIONS_EVERY_S = 0.5
# Room activity is told once a second at most, of a room that was quiet within two of these.
ACTIVITY_EVERY_S = 0.25
DELETIONS_EVERY_S = 10.0
SWEEP_EVERY_S = 3600.0
SWEEP_FIRST_AFTER_S = (5.0, 20.0)
DRAIN_WITHIN_S = 25.0

log = logging.getLogger("server")


class Process:
    """One process. `start` begins to serve; `stop` drains the connections and closes everything."""

    def __init__(
        self, settings: Settings, *, store: Store, shared: Cluster, whitelist: Whitelist, server: Server
    ) -> None:
        self._settings = settings
        self._store = store
        self._shared = shared
        self._whitelist = whitelist
        self._chat = server.chat
        self._monitoring = server.monitoring
        self._readiness = server.readiness
        self._http = server.http
        self._callbacks: list[PeriodicCallback] = []
        self._listening: list[socket.socket] = []  # until they are the HTTP server's
        self._closing = self._to_close()

    def _to_close(self) -> AsyncExitStack:
        """Everything that `stop` closes, also after a start that failed half way; the last entry is closed first."""
        chat, monitoring, closing = self._chat, self._monitoring, AsyncExitStack()
        closing.callback(chat.account_parts.passwords.close)
        closing.callback(chat.file_parts.incoming.close)
        closing.push_async_callback(self._http.close_all_connections)
        closing.push_async_callback(chat.file_parts.images.close)
        closing.push_async_callback(self._shared.limiter.close)
        closing.push_async_callback(close_chat, chat)
        closing.callback(self._http.stop)
        closing.callback(self._shared.snapshots.withdraw)
        closing.push_async_callback(monitoring.alert_pipeline.close)
        closing.callback(monitoring.monitor.stop)
        closing.callback(monitoring.lag.stop)
        closing.callback(self._stop_callbacks)
        closing.push_async_callback(chat.drain.cut_off)
        closing.push_async_callback(self._drain)
        closing.callback(self._stop_listening)
        return closing

    @property
    def shedding(self) -> LoadShedder | NullLoadShedder:
        """The part that refuses work under load."""
        return self._chat.shedding

    async def start(self) -> None:
        """Start all parts and listen.

        Raises StartupError where the port is taken or the address is not one of this machine's.
        """
        chat, monitoring = self._chat, self._monitoring
        server, ws = self._settings.server, self._settings.ws
        try:
            self._listening = listening_sockets(server.host, server.port)
        except OSError as error:
            raise StartupError(listening_refusal(server.host, server.port, error)) from error
        self._shared.bus.start(receive=chat.bus_dispatch.receive, on_back=self._bus_is_back)
        await self._shared.bus.subscribe(EVERYONE)
        await self._shared.bus.subscribe(CACHE)
        chat.membership_recheck.start()
        self._every(chat.heartbeat_sweep.interval_s, chat.heartbeat_sweep.tick)
        self._every(ws.cleanup_interval_s, chat.pool.clean_up)
        self._every(
            ACTIVITY_EVERY_S,
            chat.user_events.sweep,
            chat.member_notices.activity_publisher.tick,
            chat.member_notices.activity_sender.tick,
            chat.conversation.own_message_reads.tick,
        )
        self._every(STEP_EVERY_S, chat.shedding.step)
        self._every(0.5, chat.presence_parts.typing.sweep)
        self._every(REVOCATIONS_EVERY_S, chat.membership_recheck.check_revocations_quietly)
        self._every(
            1.0,
            chat.presence_parts.people.sweep,
            chat.presence_parts.remote_presence.sweep,
            chat.presence_parts.presence_events.send_counts,
        )
        self._every(60.0, self._shared.limiter.sweep)
        self._every(HEADS_EVERY_S, lambda: _tried(chat.hub.check_heads))
        self._every(HEADS_EVERY_S, chat.membership_recheck.resume)
        self._every(DELETIONS_EVERY_S, lambda: _tried(chat.conversation.account_deletion.finish_pending))
        if self._shared.is_shared:
            self._every(HEADS_EVERY_S, lambda: _tried(chat.membership_recheck.check_sessions))
            self._every(BEAT_S, self._beat)
            self._every(RECONCILE_EVERY_S, chat.slot_reconciler.start)
            self._bus_is_back()
        self._soon_and_every(SWEEP_EVERY_S, lambda: _tried(lambda: self._store.sweep(now_ms())))
        # A full garbage collection over 10,000 connections stalls the loop for hundreds of milliseconds. So what exists
        # by now is never collected, old objects are collected seldom, and young ones are few enough for 3 ms. This one
        # comes before the loop's lag is measured, for which the first clients would be refused.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 50, 100)
        monitoring.lag.start()
        monitoring.monitor.start()
        self._readiness.started()
        listening, self._listening = self._listening, []
        self._http.add_sockets(paced(listening, descriptors_max=descriptor_limit.limit()))

    def _every(self, seconds: float, *callbacks: Callable[[], object]) -> None:
        """Call `callbacks` every so many seconds; several only where none returns an awaitable.

        The intervals are multiples of a quarter of a second, so that an idle process wakes four times a second for all:
        each waking cost 50 µs, as much as a message does at a higher load.
        """
        callback = callbacks[0] if len(callbacks) == 1 else partial(_call_each, callbacks)
        periodic = PeriodicCallback(callback, max(seconds, 0.02) * 1000)  # type: ignore[arg-type]
        periodic.start()
        self._callbacks.append(periodic)

    def _soon_and_every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """As `_every`, and also once soon after the start: a process may never live for the whole interval."""

        async def once() -> None:
            first.stop()
            await work()

        # Random, so that processes that start at once do not all work at once
        first = PeriodicCallback(once, random.uniform(*SWEEP_FIRST_AFTER_S) * 1000)
        first.start()
        self._callbacks.append(first)
        self._every(seconds, work)

    def _bus_is_back(self) -> None:
        """Read from the store and from Redis what the bus may have lost while it was away."""
        self._shared.cache.forget_here(())
        self._chat.hub.bus_restored()
        self._chat.live_processes.bus_restored()
        self._chat.slot_reconciler.start()
        self._chat.recheck_requests.recheck_all()
        self._chat.membership_recheck.resume()  # now, so that its first read comes before the reads below
        self._chat.membership_rechecks.run(self._chat.hub.check_heads)
        self._chat.membership_rechecks.run(self._chat.membership_recheck.check_revocations)
        self._chat.membership_rechecks.run(self._chat.membership_recheck.check_sessions)

    async def _beat(self) -> None:
        self._chat.live_processes.beat()
        self._shared.cache.ensure_generation()
        if await self._shared.connection_slots.forgotten():
            self._chat.slot_reconciler.start()

    async def reload(self) -> None:
        """Read the whitelist's file again: the one setting that can change while the process runs."""
        await self._whitelist.reload()

    async def stop(self) -> None:
        """Drain the connections, finish accepted writes, and close all parts; also after a failed start."""
        await self._closing.aclose()

    def _stop_listening(self) -> None:
        """Close the listening sockets that a failed start did not pass to the HTTP server."""
        for one in self._listening:
            one.close()

    async def _drain(self) -> None:
        """Send every client away, to come back later, and wait for the pool to be empty, DRAIN_WITHIN_S at most."""
        self._chat.pool.begin_drain()
        self._chat.presence_parts.presence.begin_leaving()
        try:
            await asyncio.wait_for(self._chat.drain.run(), DRAIN_WITHIN_S)
        except TimeoutError:
            log.warning("the drain took too long; what is left is cut")

    def _stop_callbacks(self) -> None:
        for periodic in self._callbacks:
            periodic.stop()


def _call_each(callbacks: Sequence[Callable[[], object]]) -> None:
    for callback in callbacks:
        try:
            callback()
        except Exception:  # the others must still be called
            log.exception("a periodic callback failed")


async def close_chat(chat: Chat) -> None:
    """Finish accepted writes and close the chat's parts, all but `passwords`, which handlers may still use."""
    async with AsyncExitStack() as closing:  # the last entry is closed first
        closing.callback(chat.presence_parts.presence.close)
        closing.callback(chat.presence_parts.presence_events.close)
        for part in (
            chat.hub,
            chat.task_queue,
            chat.membership_rechecks,
            chat.membership_recheck,
            chat.presence_loads,
            chat.slot_reconciler,
            chat.member_notices.activity_publisher,
            chat.member_notices.mentions_of_all,
        ):
            closing.push_async_callback(part.close)
        closing.push_async_callback(chat.live_processes.announce_stop)
        closing.push_async_callback(chat.account_parts.logins.close)
        closing.push_async_callback(chat.conversation.rooms.close)
        closing.push_async_callback(chat.conversation.room_deletion.close)
        closing.push_async_callback(chat.conversation.own_message_reads.close)
        closing.push_async_callback(chat.conversation.message_writer.close)
        closing.push_async_callback(chat.conversation.message_changes.close)


async def _tried(work: Callable[[], Awaitable[object]]) -> None:
    """Do periodic work on the store; log a failure, after which the next period tries again."""
    try:
        await work()
    except StoreError as error:
        log.warning("periodic work failed: %s", error)
