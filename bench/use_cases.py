"""The chat's use cases without a server or a socket, wired as app/build_chat.py does it, on a store and the parts that
settings choose.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from app.build_cluster import Cluster, build_cluster
from app.clock import now_ms
from app.settings import Settings
from cache.keys import CacheTtls, Keys
from chat.accounts import Accounts
from chat.delivery.channel import Channel
from chat.delivery.hub import Hub
from chat.known_addresses import KnownAddresses
from chat.message_writer import MessageWriter
from chat.messages import Messages
from chat.passwords import Passwords
from chat.presenter import Presenter
from chat.rooms import Rooms
from chat.tokens import Tokens
from cluster.events import RoomMessages
from handlers.codec.json_codec import JsonCodec
from monitor.observer import Observer
from store.contract import Store
from store.models import Head, Status


class _Nobody:
    """A presence that knows of nobody."""

    def is_online(self, user_id: str) -> bool:
        return False

    def online_count(self, room_id: str) -> int:
        return 0

    def status_of(self, user_id: str, chosen: Status) -> Status:
        return Status.OFFLINE


SECRET = "a secret of the bench, thirty-two bytes or more"


class UseCases:
    """Made by `wired`.

    `messages` are those of rooms that `hold` keeps open, `messages_elsewhere` of rooms in which nobody is here.
    """

    def __init__(self, *, store: Store, shared: Cluster, settings: Settings) -> None:
        cache, bus, nobody = shared.cache, shared.bus, _Nobody()
        self.shared = shared
        self.keys = Keys(
            CacheTtls(
                messages_s=settings.cache.ttl_messages_s,
                users_s=settings.cache.ttl_users_s,
                stats_s=settings.cache.ttl_stats_s,
            )
        )
        codec = JsonCodec()
        self._store = store
        self._passwords = Passwords()
        self._channels: list[Channel] = []
        self._hub = Hub(
            store=store,
            bus=bus,
            codec=codec,
            frame=lambda payload: payload,
            observer=Observer(),
            coalesce=settings.ws.coalesce,
            hold_max_bytes=settings.ws.outbox_max_bytes,
        )
        bus.start(receive=self._receive)
        self.presenter = Presenter(status_of=nobody.status_of, online_count=nobody.online_count)
        self.accounts = Accounts(
            store=store,
            cache=cache,
            keys=self.keys,
            bus=bus,
            passwords=self._passwords,
            tokens=Tokens(secret=SECRET, previous=None, expires_in_s=3600),
            presenter=self.presenter,
            known_addresses=KnownAddresses(users=store.users, secrets=[SECRET], now_ms=now_ms),
            is_listed=lambda _: False,
            is_registration_open=True,
            refresh_expires_in_s=3600,
            session_max_s=7_776_000,
            now_ms=now_ms,
        )
        self.rooms = Rooms(
            store=store,
            cache=cache,
            keys=self.keys,
            bus=bus,
            presence=nobody,
            presenter=self.presenter,
            codec=codec,
        )
        self.message_writer = MessageWriter(
            store=store,
            cache=cache,
            keys=self.keys,
            bus=bus,
            codec=codec,
            on_posted=lambda room_id, user_id: None,
            observer=Observer(),
            timeout_s=settings.store.timeout_ms / 1000,
        )
        self.messages, self.messages_elsewhere = (
            Messages(
                store=store,
                cache=cache,
                keys=self.keys,
                message_writer=self.message_writer,
                rooms=self.rooms,
                presenter=self.presenter,
                codec=codec,
                head_of=head_of if shared.is_shared else _not_needed,
            )
            for head_of in (self._head_here, self._head_elsewhere)
        )

    async def hold(self, room_ids: Iterable[str]) -> None:
        """Keep rooms open as a connection in them would."""
        self._channels += [await self._hub.hold(room_id) for room_id in room_ids]

    async def close(self) -> None:
        await self.message_writer.close()
        for channel in self._channels:
            self._hub.release(channel)
        await self._hub.close()
        self._passwords.close()

    async def _head_here(self, room_id: str) -> Head | None:
        return self._hub.head_of(room_id) or await self._head_elsewhere(room_id)

    async def _head_elsewhere(self, room_id: str) -> Head | None:
        return (await self._store.rooms.heads([room_id])).get(room_id)

    def _receive(self, topic: str, happening: object) -> None:
        if isinstance(happening, RoomMessages):
            self._hub.on_messages(happening)


async def _not_needed(room_id: str) -> Head | None:
    """The only process invalidates all that it writes."""
    return None


@asynccontextmanager
async def wired(store: Store, settings: Settings, *, name: str) -> AsyncIterator[UseCases]:
    """The use cases, as the process of that name; closed at the end."""
    async with build_cluster(settings, process_id=name) as shared:
        cases = UseCases(store=store, shared=shared, settings=settings)
        try:
            yield cases
        finally:
            await cases.close()
