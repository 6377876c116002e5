"""The chat's parts as a server has them (app/composition/chat.py), without a server or a socket, on a given store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from app.composition import cluster
from app.composition.chat import Chat, build_chat
from app.composition.cluster import Cluster
from app.lifecycle import close_chat
from app.settings import Settings
from chat.delivery.room_channel import Channel
from monitor.loop_lag import LoopLag
from monitor.observer import Observer
from store.contract import Store

SECRET = "a secret of the bench, thirty-two bytes or more"


class InProcessChat:
    """The parts of one chat process. Made and closed by `open_chat`."""

    def __init__(self, *, chat: Chat, shared: Cluster) -> None:
        self.profiles = chat.account_parts.profiles
        self.rooms = chat.conversation.rooms
        self.messages = chat.conversation.messages
        self.shared = shared
        self._chat = chat
        self._channels: list[Channel] = []

    async def hold(self, room_ids: Iterable[str]) -> None:
        """Keep rooms open, as connections in them do: the process then knows how far each room is."""
        self._channels += [await self._chat.hub.hold(room_id) for room_id in room_ids]

    async def close(self) -> None:
        """Release the held rooms and close all parts."""
        for channel in self._channels:
            self._chat.hub.release(channel)
        await close_chat(self._chat)
        self._chat.account_parts.passwords.close()


@asynccontextmanager
async def open_chat(store: Store, settings: Settings, *, name: str) -> AsyncIterator[InProcessChat]:
    """The parts of a process with this name, with the cache and bus that the settings choose; closed at the end."""
    async with cluster.build_cluster(settings, process_id=name) as shared:
        chat = build_chat(
            settings,
            store=store,
            secret=SECRET,
            shared=shared,
            whitelist=cluster.load_whitelist(settings),
            process_id=name,
            observer=Observer(),
            lag=LoopLag(loop=asyncio.get_running_loop()),
        )
        shared.bus.start(receive=chat.bus_dispatch.receive)
        opened = InProcessChat(chat=chat, shared=shared)
        try:
            yield opened
        finally:
            await opened.close()
