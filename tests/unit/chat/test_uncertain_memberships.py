"""Memberships and deletions that were written without an answer: everybody is told what the store says in the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
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
from chat.errors import ChatError
from chat.request_context import RequestContext
from chat.request_inputs.moderation import BanSomebody
from chat.request_inputs.people import Register
from chat.request_inputs.rooms import CreateInvite
from cluster.events import MembershipUncertain, RoomDeleted, UserEvent
from cluster.topics import EVERYONE, user_topic
from monitor.loop_lag import LoopLag
from monitor.observer import Observer
from store.errors import Missing, StoreTimeout
from store.models import Actor, RoomDraft, User

pytestmark = pytest.mark.gen_test


class LateAnswers:
    """A part of the store whose next write of these names is carried out after `may_happen` is set, unanswered."""

    def __init__(self, part: Any, *names: str) -> None:
        self._part = part
        self._names = names
        self.is_late = False
        self.may_happen = asyncio.Event()
        self.happened: list[asyncio.Task[Any]] = []

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._part, name)
        if name not in self._names or not self.is_late:
            return operation

        async def too_late(*arguments: Any, **more: Any) -> None:
            async def later() -> None:
                await self.may_happen.wait()
                await operation(*arguments, **more)

            self.is_late = False
            self.happened.append(asyncio.create_task(later()))
            raise StoreTimeout(name)

        return too_late


class Parts(msgspec.Struct, frozen=True):
    """One process's chat, with a private room of Ada's; Bob is connected, and has joined no room."""

    chat: Chat
    store: Any
    ada: User
    bob: User
    room_id: str
    events: list[object]

    @property
    def shows_bob(self) -> bool:
        return self.chat.presence_parts.presence.is_in(self.room_id, self.bob.id)

    @property
    def rooms_told(self) -> int:
        return sum(isinstance(event, UserEvent) and b'"roomAdded"' in event.event for event in self.events)

    async def act(self, name: str) -> None:
        actor, conversation = Actor(self.ada.id), self.chat.conversation
        if name == "remove":
            await conversation.member_moderation.remove(actor, self.room_id, self.bob.id)
        elif name == "ban":
            await conversation.bans.add(actor, self.room_id, self.bob.id, BanSomebody())
        elif name == "delete":
            await conversation.room_deletion.delete(self.room_id, actor)
        elif name == "direct":
            await conversation.rooms.direct(self.ada.id, self.bob.id)
        else:
            await conversation.rooms.invite(self.room_id, actor, self.bob.id)


@asynccontextmanager
async def parts_in(folder: Path, *, bob_is_member: bool) -> AsyncIterator[Parts]:
    chosen = settings.load({}, {"DATA_DIR": str(folder / "data"), "STORE_TIMEOUT": "2000"})
    async with build_storage(chosen, Observer()) as storage, build_cluster(chosen, process_id="p1") as shared:
        store: Any = storage.store
        late_writes = {
            "moderation": ("remove",),
            "bans": ("add",),
            "members": ("add",),
            "rooms": ("delete", "direct"),
            "users": ("create",),
        }
        for part, names in late_writes.items():
            setattr(store, part, LateAnswers(getattr(store, part), *names))
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
        events: list[object] = []

        def receive(topic: str, event: object) -> None:
            events.append(event)
            chat.bus_dispatch.receive(topic, event)

        shared.bus.start(receive=receive)
        ada = await store.users.create(username="ada", email="ada@example.com", password_hash="x")
        bob = await store.users.create(username="bob", email="bob@example.com", password_hash="x")
        room = (await store.rooms.create(RoomDraft("A room", None, True, 10), ada.id)).room
        rooms: dict[str, int] = {}
        if bob_is_member:
            rooms = {room.id: (await store.members.add(room.id, bob.id)).rev}
        presence = chat.presence_parts.presence
        presence.connected(bob)
        presence.entered(bob.id, rooms)
        for topic in (EVERYONE, user_topic(bob.id)):
            await shared.bus.subscribe(topic)
        chat.membership_recheck.start()
        try:
            yield Parts(chat, store, ada, bob, room.id, events)
        finally:
            await close_chat(chat)
            chat.account_parts.passwords.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)  # the poll's pace


async def late(parts: Parts, part: str, act: Callable[[], Awaitable[object]], *, happens_after: int) -> None:
    """Act, with the deadline passing before the write happens: after so many of the later comparisons."""
    answers = getattr(parts.store, part)
    answers.is_late = True
    with pytest.raises(StoreTimeout):
        await act()
    await until(lambda: sum(isinstance(event, MembershipUncertain) for event in parts.events) >= happens_after)
    answers.may_happen.set()
    await asyncio.gather(*answers.happened)


@pytest.mark.parametrize("happens_after", [0, 1])
@pytest.mark.parametrize(("name", "part"), [("remove", "moderation"), ("ban", "bans")])
async def test_who_was_removed_by_a_write_without_an_answer_is_no_member_soon(
    tmp_path: Path, name: str, part: str, happens_after: int
) -> None:
    async with parts_in(tmp_path, bob_is_member=True) as parts:
        assert parts.shows_bob
        await late(parts, part, lambda: parts.act(name), happens_after=happens_after)
        with contextlib.suppress(ChatError, Missing):  # a retry finds nothing to change
            await parts.act(name)
        await until(lambda: not parts.shows_bob)


async def test_who_was_invited_by_a_write_without_an_answer_is_told_of_the_room(tmp_path: Path) -> None:
    async with parts_in(tmp_path, bob_is_member=False) as parts:
        await late(parts, "members", lambda: parts.act("invite"), happens_after=1)
        await parts.act("invite")
        await until(lambda: parts.rooms_told == 1 and parts.shows_bob)


@pytest.mark.parametrize("is_retried", [True, False])
async def test_a_room_that_was_deleted_by_a_write_without_an_answer_is_told_to_be(
    tmp_path: Path, is_retried: bool
) -> None:
    async with parts_in(tmp_path, bob_is_member=True) as parts:
        await late(parts, "rooms", lambda: parts.act("delete"), happens_after=0)
        if is_retried:
            with pytest.raises(Missing):
                await parts.act("delete")
            assert RoomDeleted(parts.room_id) in parts.events, "at once"
        await until(lambda: not parts.shows_bob)
        assert parts.events.count(RoomDeleted(parts.room_id)) == 1


async def test_the_other_person_is_told_of_a_direct_room_that_was_made_without_an_answer(tmp_path: Path) -> None:
    async with parts_in(tmp_path, bob_is_member=False) as parts:
        await late(parts, "rooms", lambda: parts.act("direct"), happens_after=0)
        for _ in range(2):
            await parts.act("direct")
        await until(lambda: len(parts.chat.presence_parts.presence.rooms_of(parts.bob.id)) == 1)
        assert parts.rooms_told == 1, "and once"


async def test_a_registration_without_an_answer_gives_the_use_of_its_link_back(tmp_path: Path) -> None:
    async with parts_in(tmp_path, bob_is_member=False) as parts:
        made = await parts.chat.invites.create(parts.room_id, Actor(parts.ada.id), CreateInvite(max_uses=1))
        register = parts.chat.account_parts.accounts.register
        body = Register("cy", "cy@example.com", "a long password of cy", invite=made.code)
        await late(parts, "users", lambda: register(RequestContext("10.0.0.1", "rest", None), body), happens_after=0)
        assert await parts.chat.invites.is_good(made.code)
