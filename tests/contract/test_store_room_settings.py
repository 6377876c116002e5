from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from store.contract import Store
from store.errors import Missing, Refused
from store.models import (
    Actor,
    AppendOutcome,
    Change,
    MessageDraft,
    Refusal,
    Role,
    RoomPatch,
    Stored,
    TooSoon,
    User,
)
from tests.contract.conftest import StoreFiller, on_each_backend
from tests.support.clock import HandClock


async def refusal_of(store: Store, room_id: str, actor: Actor, patch: RoomPatch) -> Refusal:
    with pytest.raises(Refused) as refused:
        await store.rooms.update(room_id, actor, patch)
    return refused.value.refusal


@pytest.mark.gen_test
async def test_settings_are_changed_by_one_entry_that_says_so(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    patch = RoomPatch(name="Straße", description="new", is_private=True, max_users=2, slow_mode_s=30)
    change = await store.rooms.update(room_id, Actor(ann.id), patch)
    room = change.room
    assert change.changed
    assert (room.name, room.description, room.is_private) == ("Straße", "new", True)
    assert (room.max_users, room.slow_mode_s, room.archived_at, room.member_count, room.rev) == (2, 30, None, 2, 2)
    assert await store.rooms.get(room_id) == room
    entries = (await store.changes.page(room_id, since=0, limit=9)).changes
    assert entries == (Change(1, None), Change(2, None, is_settings=True))
    found, _ = await store.rooms.list_for(ann.id, mine=True, query="STRASSE", limit=9, after=None)
    assert [one.room.id for one in found] == [room_id]
    (entry,) = (await store.audit.page(room_id, limit=9, after=None))[0]
    assert (entry.by, entry.action, entry.user_id) == (ann.id, "settings", None)
    assert entry.details == {
        "name": "Straße", "description": "new", "isPrivate": True, "maxUsers": 2, "slowModeS": 30,
    }  # fmt: skip
    assert (await store.changes.latest_between(room_id, since=0, upto=2, limit=9)).changes == ()


@pytest.mark.gen_test
async def test_what_is_left_out_stays_and_a_description_can_be_removed(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    ann_acts = Actor(ann.id)
    await store.rooms.update(room_id, ann_acts, RoomPatch(description="about"))
    after = (await store.rooms.update(room_id, ann_acts, RoomPatch(name="Other"))).room
    assert (after.name, after.description, after.rev) == ("Other", "about", 2)
    assert (await store.rooms.update(room_id, ann_acts, RoomPatch(description=None))).room.description is None


@pytest.mark.gen_test
async def test_a_patch_that_changes_nothing_writes_nothing(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room = (await fill.room(ann)).room
    for patch in (RoomPatch(), RoomPatch(name=room.name, archived=False, slow_mode_s=0, description=None)):
        change = await store.rooms.update(room.id, Actor(ann.id), patch)
        assert (change.changed, change.room) == (False, room)


@pytest.mark.gen_test
async def test_who_is_no_moderator_changes_nothing(store: Store, fill: StoreFiller) -> None:
    ann, bob, eve = await fill.user(), await fill.user(), await fill.user()
    public = (await fill.room(ann)).room.id
    private = (await fill.room(ann, private=True)).room.id
    direct = (await store.rooms.direct(ann.id, bob.id))[0].room.id
    await store.members.add(public, bob.id)
    patch = RoomPatch(name="mine")
    assert await refusal_of(store, public, Actor(bob.id), patch) is Refusal.FORBIDDEN
    assert await refusal_of(store, public, Actor(eve.id), patch) is Refusal.NOT_MEMBER
    assert await refusal_of(store, private, Actor(eve.id), patch) is Refusal.ROOM_NOT_FOUND
    assert await refusal_of(store, direct, Actor(ann.id), patch) is Refusal.FORBIDDEN
    with pytest.raises(Missing) as missing:
        await store.rooms.update("none", Actor(ann.id), patch)
    assert missing.value.kind == "room"
    await store.members.add(private, bob.id, role=Role.MODERATOR)
    assert (await store.rooms.update(private, Actor(bob.id), patch)).changed
    assert (await store.rooms.update(private, Actor(eve.id, is_admin=True), RoomPatch(name="ours"))).changed


@pytest.mark.gen_test
async def test_a_room_is_never_made_smaller_than_it_is(store: Store, fill: StoreFiller) -> None:
    ann, bob, eve = await fill.user(), await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    for one in (bob, eve):
        await store.members.add(room_id, one.id)
    assert await refusal_of(store, room_id, Actor(ann.id), RoomPatch(max_users=2)) is Refusal.CONFLICT
    assert (await store.rooms.update(room_id, Actor(ann.id), RoomPatch(max_users=3))).room.max_users == 3


@pytest.mark.gen_test
async def test_an_archived_room_takes_no_change_but_its_return(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    ann_acts = Actor(ann.id)
    archived = (await store.rooms.update(room_id, ann_acts, RoomPatch(archived=True))).room
    assert archived.archived_at is not None
    clock.ms += 5000
    assert not (await store.rooms.update(room_id, ann_acts, RoomPatch(archived=True))).changed
    assert await refusal_of(store, room_id, ann_acts, RoomPatch(name="Other")) is Refusal.FORBIDDEN
    assert await refusal_of(store, room_id, ann_acts, RoomPatch(archived=True, name="Other")) is Refusal.FORBIDDEN
    back = (await store.rooms.update(room_id, ann_acts, RoomPatch(archived=False, name="Other"))).room
    assert (back.archived_at, back.name, back.rev) == (None, "Other", 2)
    again = (await store.rooms.update(room_id, ann_acts, RoomPatch(archived=True))).room
    assert again.archived_at is not None
    assert again.archived_at > archived.archived_at


@on_each_backend
@pytest.mark.gen_test
async def test_of_joins_that_race_a_smaller_size_none_is_too_many(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    people = [await fill.user() for _ in range(6)]
    joins = [store.members.add(room_id, one.id) for one in people]
    shrink = store.rooms.update(room_id, Actor(ann.id), RoomPatch(max_users=4))
    outcomes = await asyncio.gather(*joins[:3], shrink, *joins[3:], return_exceptions=True)
    room = await store.rooms.get(room_id)
    assert room is not None
    assert (room.max_users == 4) != isinstance(outcomes[3], Refused)
    assert room.member_count <= room.max_users


async def outcome_of(store: Store, room_id: str, draft: MessageDraft) -> AppendOutcome:
    (outcome,) = await store.messages.append(room_id, [draft])
    return outcome


@pytest.mark.gen_test
async def test_an_archived_room_takes_no_message_and_no_new_member(store: Store, fill: StoreFiller) -> None:
    ann, bob, eve = await fill.user(), await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    draft = fill.draft(bob, "before")
    before = await outcome_of(store, room_id, draft)
    await store.rooms.update(room_id, Actor(ann.id), RoomPatch(archived=True))
    for author, outcome in ((bob, Refusal.FORBIDDEN), (ann, Refusal.FORBIDDEN), (eve, Refusal.NOT_MEMBER)):
        assert await outcome_of(store, room_id, fill.draft(author)) is outcome
    again = await outcome_of(store, room_id, draft)
    assert isinstance(before, Stored)
    assert again == Stored(before.message, True)
    with pytest.raises(Refused) as refused:
        await store.members.add(room_id, eve.id)
    assert refused.value.refusal is Refusal.FORBIDDEN
    assert not (await store.members.add(room_id, bob.id)).changed
    state = await store.members.mark_read(room_id, ann.id, 1)
    assert state is not None
    assert state.read_seq == 1
    await store.members.remove(room_id, bob.id)
    await store.rooms.update(room_id, Actor(ann.id), RoomPatch(archived=False))
    assert isinstance(await outcome_of(store, room_id, fill.draft(ann)), Stored)


@pytest.fixture
def slow_room(store: Store, fill: StoreFiller) -> Callable[[], Awaitable[tuple[str, User, User]]]:
    async def make() -> tuple[str, User, User]:
        ann, bob = await fill.user(), await fill.user()
        room_id = (await fill.room(ann)).room.id
        await store.members.add(room_id, bob.id)
        await store.rooms.update(room_id, Actor(ann.id), RoomPatch(slow_mode_s=30))
        return room_id, ann, bob

    return make


SlowRoom = Callable[[], Awaitable[tuple[str, User, User]]]


@pytest.mark.gen_test
async def test_slow_mode_lets_a_member_send_once_in_its_time(
    store: Store, fill: StoreFiller, clock: HandClock, slow_room: SlowRoom
) -> None:
    room_id, _, bob = await slow_room()
    first = fill.draft(bob, "first")
    stored = await outcome_of(store, room_id, first)
    assert isinstance(stored, Stored)
    clock.ms += 10_500
    assert await outcome_of(store, room_id, fill.draft(bob)) == TooSoon(20)
    assert await outcome_of(store, room_id, first) == Stored(stored.message, True)
    clock.ms += 19_499
    assert await outcome_of(store, room_id, fill.draft(bob)) == TooSoon(1)
    clock.ms += 1
    assert await outcome_of(store, room_id, first) == Stored(stored.message, True)
    second = await outcome_of(store, room_id, fill.draft(bob, "second"))
    assert isinstance(second, Stored)
    assert second.message.seq == 2


@pytest.mark.gen_test
async def test_of_several_reasons_to_refuse_a_message_the_first_in_one_order_is_told(
    store: Store, fill: StoreFiller, clock: HandClock, slow_room: SlowRoom
) -> None:
    room_id, ann, bob = await slow_room()
    assert isinstance(await outcome_of(store, room_id, fill.draft(bob)), Stored)
    no_message, no_file, to_all = (
        {"reply_to_id": f"{room_id}-99"},
        {"attachment_ids": ("none",)},
        {"mentions": ("room",)},
    )
    for wrong in (no_message, {"thread_id": f"{room_id}-99"}, no_file, to_all):
        assert await outcome_of(store, room_id, fill.draft(bob, **wrong)) == TooSoon(30)
    clock.ms += 30_000
    for wrong, refusal in (
        (no_message | to_all | no_file, Refusal.MESSAGE_NOT_FOUND),
        (to_all | no_file, Refusal.FORBIDDEN),
        (no_file, Refusal.FILE_NOT_FOUND),
    ):
        assert await outcome_of(store, room_id, fill.draft(bob, **wrong)) is refusal
    assert isinstance(await outcome_of(store, room_id, fill.draft(bob)), Stored), "what was refused begins no wait"
    await store.rooms.update(room_id, Actor(ann.id), RoomPatch(archived=True))
    assert await outcome_of(store, room_id, fill.draft(bob, **no_message)) is Refusal.FORBIDDEN


@pytest.mark.gen_test
async def test_slow_mode_lets_moderators_send_as_they_like_and_others_each_for_themselves(
    store: Store, fill: StoreFiller, slow_room: SlowRoom
) -> None:
    room_id, ann, bob = await slow_room()
    cy, dan = await fill.user(), await fill.user()
    await store.members.add(room_id, cy.id, role=Role.MODERATOR)
    await store.members.add(room_id, dan.id)
    drafts = [fill.draft(one) for one in (ann, cy, ann, cy, bob, bob, dan)]
    drafts.append(fill.draft(bob, by_admin=True))
    outcomes = await store.messages.append(room_id, drafts)
    assert [outcome.message.seq if isinstance(outcome, Stored) else outcome for outcome in outcomes] == [
        1, 2, 3, 4, 5, TooSoon(30), 6, 7,
    ]  # fmt: skip


@pytest.mark.gen_test
async def test_slow_mode_counts_what_was_sent_before_it_began_and_before_who_left_came_back(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    await fill.say(room_id, bob, "quick")
    await store.rooms.update(room_id, Actor(ann.id), RoomPatch(slow_mode_s=60))
    assert await outcome_of(store, room_id, fill.draft(bob)) == TooSoon(60)
    await store.members.remove(room_id, bob.id)
    clock.ms += 10_000
    await store.members.add(room_id, bob.id)
    assert await outcome_of(store, room_id, fill.draft(bob)) == TooSoon(50)
    clock.ms += 50_000
    assert isinstance(await outcome_of(store, room_id, fill.draft(bob)), Stored)
    await store.rooms.update(room_id, Actor(ann.id), RoomPatch(slow_mode_s=0))
    assert isinstance(await outcome_of(store, room_id, fill.draft(bob)), Stored)


@on_each_backend
@pytest.mark.gen_test
async def test_of_a_members_messages_that_race_in_slow_mode_one_is_stored(
    store: Store, fill: StoreFiller, slow_room: SlowRoom
) -> None:
    room_id, _, bob = await slow_room()
    outcomes = await asyncio.gather(*(outcome_of(store, room_id, fill.draft(bob)) for _ in range(12)))
    assert sum(isinstance(outcome, Stored) for outcome in outcomes) == 1
    assert outcomes.count(TooSoon(30)) == 11
