"""The cached newest page where one process writes, and does not know whether a write happened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app import settings
from app.composition.chat import Chat, build_chat
from app.composition.cluster import build_cluster, load_whitelist
from app.composition.storage import build_storage
from app.lifecycle import close_chat
from chat.request_context import RequestContext
from chat.request_inputs.messages import History, SendMessage
from chat.request_results.messages import HistoryPage
from common.callback_tasks import CallbackTasks
from monitor.loop_lag import LoopLag
from monitor.observer import Observer
from store.errors import StoreTimeout
from store.models import Actor, Head, RoomDraft, User


class StalledMessages:
    """The store's messages: while `is_stalled`, a write is carried out and its answer comes too late.

    It is carried out when `may_happen` is set.
    """

    def __init__(self, messages: Any) -> None:
        self._messages = messages
        self.is_stalled = False
        self.may_happen = asyncio.Event()
        self.may_happen.set()
        self.begun: list[asyncio.Task[None]] = []
        self.page_reads = 0
        self._appends = CallbackTasks()

    def append_then(self, room_id: str, drafts: Any, on_settled: Any) -> None:
        if self.is_stalled:
            self._appends.run(self.append(room_id, drafts), on_settled)
        else:
            self._messages.append_then(room_id, drafts, on_settled)

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._messages, name)
        self.page_reads += name == "page"
        if not self.is_stalled or name not in ("append", "edit", "delete"):
            return operation

        async def too_late(*arguments: Any, **more: Any) -> None:
            async def carry_out() -> None:
                await self.may_happen.wait()
                await operation(*arguments, **more)

            self.begun.append(asyncio.create_task(carry_out()))
            if self.may_happen.is_set():
                await self.begun[-1]
            raise StoreTimeout(name)

        return too_late


class Parts(msgspec.Struct, frozen=True):
    """One process's chat, with a room of one message."""

    chat: Chat
    stalled: StalledMessages
    user: User
    room_id: str

    async def page(self) -> list[Any]:
        page: HistoryPage = await self.chat.conversation.messages.history(self.user.id, History(self.room_id))
        return [msgspec.json.decode(message)["content"] for message in page.messages]

    async def say(self, content: str) -> None:
        context = RequestContext("127.0.0.1", "rest", self.user)
        await self.chat.conversation.messages.post(context, SendMessage(self.room_id, content))

    async def delete(self) -> None:
        await self.chat.conversation.message_changes.delete(Actor(self.user.id), f"{self.room_id}-1")

    async def edit(self, content: str) -> None:
        await self.chat.conversation.message_changes.edit(Actor(self.user.id), f"{self.room_id}-1", content)


@asynccontextmanager
async def parts_in(folder: Path, **env: str) -> AsyncIterator[Parts]:
    chosen = settings.load({}, {"DATA_DIR": str(folder / "data"), **env})
    async with build_storage(chosen, Observer()) as storage, build_cluster(chosen, process_id="p1") as shared:
        store: Any = storage.store
        stalled = store.messages = StalledMessages(store.messages)
        chat = build_chat(
            chosen,
            store=store,
            secret=storage.secret,
            shared=shared,
            whitelist=load_whitelist(chosen),
            process_id="p1",
            observer=Observer(),
            lag=LoopLag(loop=asyncio.get_running_loop()),
        )
        shared.bus.start(receive=chat.bus_dispatch.receive)
        ada = await store.users.create(username="ada", email="ada@example.com", password_hash="x")
        room = (await store.rooms.create(RoomDraft("A room", None, False, 10), ada.id)).room
        parts = Parts(chat, stalled, ada, room.id)
        await parts.say("first")
        try:
            yield parts
        finally:
            await close_chat(chat)
            chat.account_parts.passwords.close()


async def until_at(parts: Parts, head: Head) -> None:
    await parts.chat.hub.check_heads()
    async with asyncio.timeout(30):
        while parts.chat.hub.head_of(parts.room_id) != head:
            await asyncio.sleep(0.001)  # the poll's pace


@pytest.mark.gen_test
async def test_an_edit_whose_answer_came_too_late_is_on_the_page(tmp_path: Path) -> None:
    async with parts_in(tmp_path) as parts:
        assert await parts.page() == ["first"]
        parts.stalled.is_stalled = True
        with pytest.raises(StoreTimeout):
            await parts.edit("edited")
        assert await parts.page() == ["edited"]


@pytest.mark.parametrize("writes", ["edit", "say"])
@pytest.mark.gen_test
async def test_what_was_written_without_an_answer_is_on_the_page_once_the_rooms_connections_have_it(
    tmp_path: Path, writes: str
) -> None:
    async with parts_in(tmp_path) as parts:
        channel = await parts.chat.hub.hold(parts.room_id)
        assert await parts.page() == ["first"]
        parts.stalled.is_stalled = True
        with pytest.raises(StoreTimeout):
            await (parts.edit if writes == "edit" else parts.say)("second")
        await until_at(parts, Head(1, 1) if writes == "edit" else Head(2, 0))
        assert await parts.page() == (["second"] if writes == "edit" else ["first", "second"])
        parts.chat.hub.release(channel)


@pytest.mark.parametrize(
    ("write", "shown"), [("say", ["first", "second"]), ("edit", ["second"]), ("delete", [None])], ids=str
)
@pytest.mark.gen_test
async def test_what_was_written_long_after_its_deadline_is_on_the_page_of_a_room_that_no_connection_has_joined(
    tmp_path: Path, write: str, shown: list[str | None]
) -> None:
    async with parts_in(tmp_path) as parts:
        stalled = parts.stalled
        assert await parts.page() == ["first"]
        stalled.is_stalled = True
        stalled.may_happen.clear()
        with pytest.raises(StoreTimeout):
            await (parts.delete() if write == "delete" else getattr(parts, write)("second"))
        assert await parts.page() == ["first"], "which fills the cache again"
        stalled.may_happen.set()
        await asyncio.gather(*stalled.begun)
        assert await parts.page() == shown


@pytest.mark.parametrize(("enabled", "reads"), [("true", 0), ("false", 2)])
@pytest.mark.gen_test
async def test_the_page_of_an_open_room_is_read_from_the_store_only_where_the_cache_is_off(
    tmp_path: Path, enabled: str, reads: int
) -> None:
    async with parts_in(tmp_path, CACHE_ENABLED=enabled) as parts:
        channel = await parts.chat.hub.hold(parts.room_id)
        await parts.say("second")
        before = parts.stalled.page_reads
        assert [await parts.page() for _ in range(2)] == [["first", "second"]] * 2
        assert parts.stalled.page_reads == before + reads
        parts.chat.hub.release(channel)
