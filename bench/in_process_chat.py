"""The parts of a chat process that the bench calls without a server (app/unserved_chat.py), and the rooms it holds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from app.composition.chat import Chat
from app.composition.cluster import Cluster
from app.settings import Settings
from app.unserved_chat import open_unserved_chat
from chat.delivery.room_channel import Channel
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

    def release(self) -> None:
        """Release the held rooms."""
        for channel in self._channels:
            self._chat.hub.release(channel)


@asynccontextmanager
async def open_chat(store: Store, settings: Settings, *, name: str) -> AsyncIterator[InProcessChat]:
    """The parts of a process with this name, with the cache and bus that the settings choose; closed at the end."""
    async with open_unserved_chat(settings, store=store, secret=SECRET, process_id=name) as parts:
        opened = InProcessChat(chat=parts.chat, shared=parts.shared)
        try:
            yield opened
        finally:
            opened.release()
