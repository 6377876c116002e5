"""A program of before bans, kept mutes and bots writes to the newer file, as it does during a rolling restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.ids import make_id
from store.models import Actor, BotDraft, Role
from store.sqlite.connection import DATABASE_NAME, open_writing
from tests.contract.conftest import StoreFiller
from tests.support.clock import HandClock
from tests.unit.store.conftest import StoreWithRoom

MINUTE_MS = 60_000
# What such a program writes of a membership
JOIN = """
INSERT INTO members (room_id, user_id, username_folded, role, read_seq, joined_at, joined_rev)
SELECT ?1, id, username_folded, 'member', 0, ?3, 99 FROM users WHERE id = ?2"""
LEAVE = "DELETE FROM members WHERE room_id = ? AND user_id = ?"
# What it writes of the successor of an owner who left; whoever that is, it knows no bots
HAND_OVER = (
    "UPDATE rooms SET owner_id = ?2 WHERE id = ?1",
    "UPDATE members SET role = 'owner' WHERE room_id = ?1 AND user_id = ?2",
)


class OlderProgram:
    def __init__(self, path: Path, clock: HandClock) -> None:
        self.connection = open_writing(path, busy_timeout_s=1)
        self._clock = clock

    def join(self, room_id: str, user_id: str) -> int:
        """Returns the number of rows by which such a program decides whether somebody became a member."""
        self.connection.execute(JOIN, (room_id, user_id, self._clock()))
        return self.connection.changes()

    def leave(self, room_id: str, user_id: str) -> None:
        self.connection.execute(LEAVE, (room_id, user_id))

    def hand_over(self, room_id: str, successor_id: str) -> None:
        for statement in HAND_OVER:
            self.connection.execute(statement, (room_id, successor_id))


@pytest.fixture
def older(room_store: StoreWithRoom, data_dir: Path, clock: HandClock) -> Iterator[OlderProgram]:
    program = OlderProgram(data_dir / DATABASE_NAME, clock)
    yield program
    program.connection.close()


@pytest.mark.gen_test
async def test_it_makes_nobody_a_member_who_is_banned(
    room_store: StoreWithRoom, older: OlderProgram, clock: HandClock
) -> None:
    store, room_id, owner = room_store.store, room_store.room_id, Actor(room_store.ann.id)
    bob, cy = await StoreFiller(store).user(), await StoreFiller(store).user("cy")
    for one, expires_at_ms in ((bob, None), (cy, clock.ms + MINUTE_MS)):
        await store.bans.add(room_id, one.id, reason=None, expires_at_ms=expires_at_ms, actor=owner)
        assert older.join(room_id, one.id) == 0
    clock.ms += MINUTE_MS
    assert older.join(room_id, bob.id) == 0
    assert older.join(room_id, cy.id) == 1


@pytest.mark.gen_test
async def test_mutes_go_on_when_their_people_leave_and_join_by_it(
    room_store: StoreWithRoom, older: OlderProgram, clock: HandClock
) -> None:
    store, room_id, owner = room_store.store, room_store.room_id, Actor(room_store.ann.id)
    bob = await StoreFiller(store).user()
    await store.members.add(room_id, bob.id)
    await store.moderation.mute(room_id, bob.id, clock.ms + MINUTE_MS, actor=owner)
    for by_newer in (True, False):
        if by_newer:
            await store.members.remove(room_id, bob.id)
        else:
            older.leave(room_id, bob.id)
        assert older.join(room_id, bob.id) == 1
        membership = await store.members.get(room_id, bob.id)
        assert membership is not None
        assert membership.muted_until is not None
    older.leave(room_id, bob.id)
    clock.ms += MINUTE_MS
    assert older.join(room_id, bob.id) == 1
    membership = await store.members.get(room_id, bob.id)
    assert membership is not None
    assert membership.muted_until is None


@pytest.mark.gen_test
async def test_it_makes_no_bot_a_member_of_another_room(room_store: StoreWithRoom, older: OlderProgram) -> None:
    store, owner = room_store.store, Actor(room_store.ann.id)
    added = await store.bots.add(room_store.room_id, owner, BotDraft(make_id("u"), "bot", "b-1"))
    other_id = (await StoreFiller(store).room(room_store.ann)).room.id
    assert older.join(other_id, added.bot.user.id) == 0
    older.leave(room_store.room_id, added.bot.user.id)
    assert older.join(room_store.room_id, added.bot.user.id) == 1


@pytest.mark.gen_test
async def test_a_room_that_it_gives_to_a_bot_goes_to_a_person(room_store: StoreWithRoom, older: OlderProgram) -> None:
    store, room_id, ann = room_store.store, room_store.room_id, room_store.ann
    bot = (await store.bots.add(room_id, Actor(ann.id), BotDraft(make_id("u"), "bot", "b-1"))).bot
    fill = StoreFiller(store)
    bob, cy = await fill.user(), await fill.user()
    for person in (bob, cy):
        await store.members.add(room_id, person.id)
    for leaving, owner_id in ((ann, bob.id), (bob, cy.id), (cy, None)):
        older.leave(room_id, leaving.id)
        older.hand_over(room_id, bot.user.id)
        room = await store.rooms.get(room_id)
        assert room is not None
        assert room.owner_id == owner_id
        of_bot = await store.members.get(room_id, bot.user.id)
        assert of_bot is not None
        assert of_bot.role is Role.MEMBER
        if owner_id is not None:
            of_owner = await store.members.get(room_id, owner_id)
            assert of_owner is not None
            assert of_owner.role is Role.OWNER
