"""The chat's parts as a server has them (app/composition/chat.py), without a server or a socket, on a given store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct

from app.composition.chat import Chat, build_chat
from app.composition.cluster import Cluster, build_cluster, load_whitelist
from app.lifecycle import close_chat
from app.settings import Settings
from monitor.loop_lag import LoopLag
from monitor.observer import Observer
from store.contract import Store


class UnservedChat(Struct, frozen=True):
    """The parts of a process that serves nobody, and what they share with other processes."""

    chat: Chat
    shared: Cluster


@asynccontextmanager
async def open_unserved_chat(
    settings: Settings, *, store: Store, secret: str, process_id: str
) -> AsyncIterator[UnservedChat]:
    """Build the parts, with the cache and bus that the settings choose; all of them are closed at the end."""
    async with build_cluster(settings, process_id=process_id) as shared:
        chat = build_chat(
            settings,
            store=store,
            secret=secret,
            shared=shared,
            whitelist=load_whitelist(settings),
            process_id=process_id,
            observer=Observer(),
            lag=LoopLag(loop=asyncio.get_running_loop()),
        )
        shared.bus.start(receive=chat.bus_dispatch.receive)
        try:
            yield UnservedChat(chat, shared)
        finally:
            await close_chat(chat)
            await chat.file_parts.images.close()
            chat.file_parts.incoming.close()
            chat.account_parts.passwords.close()
