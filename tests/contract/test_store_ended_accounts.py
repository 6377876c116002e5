"""Deleted accounts: what is erased, what stays, and that messages are shown without the name."""

from __future__ import annotations

import pytest

from store.contract import Store
from store.errors import Missing, Outdated, Taken
from store.models import Actor, MessageSearch, ProfileChange, Session, Status, User
from tests.contract.conftest import StoreFiller
from tests.support.clock import START_MS, HandClock


async def ended(store: Store, user: User) -> None:
    await store.ended_accounts.end(user.id, before="hash")
    await store.ended_accounts.erase(user.id)


@pytest.mark.gen_test
async def test_the_profile_becomes_that_of_a_deleted_user_and_the_sessions_end(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user("Ann"), await fill.user()
    await store.users.update(
        ann.id,
        ProfileChange(
            display_name="Ännchen",
            avatar_url="/files/f1",
            text_color="#000000",
            background_color="#ffffff",
            status=Status.BUSY,
            custom_status="here",
        ),
    )
    for name, owner in (("s1", ann), ("s2", ann), ("s3", bob)):
        await store.sessions.create(Session(name, owner.id, 1, START_MS, START_MS + 10**6))
    assert sorted(await store.ended_accounts.end(ann.id, before="hash")) == ["s1", "s2"]
    assert await store.sessions.live_of(ann.id, now_ms=START_MS) == []
    assert len(await store.sessions.live_of(bob.id, now_ms=START_MS)) == 1
    assert await store.users.get(ann.id) == User(
        ann.id, "deleted", "Deleted user", None, None, None, Status.OFFLINE, None, ann.created_at, 2
    )
    account = await store.users.account(ann.id)
    assert account is not None
    assert (account.password_hash, "@" in account.email, account.disabled_at is None) == ("", False, False)
    for prefix in ("ann", "deleted", "änn", ""):
        assert ann.id not in {user.id for user in await store.users.search(prefix, 100)}


@pytest.mark.gen_test
async def test_the_name_is_never_given_again_and_the_email_is(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user("Ann"), await fill.user("Bob")
    await ended(store, ann)
    await ended(store, bob)
    with pytest.raises(Taken) as taken:
        await store.users.create(username="aNN", email="other@example.org", password_hash="hash")
    assert taken.value.field == "username"
    again = await store.users.create(username="Ann2", email="ANN@example.org", password_hash="hash")
    found = await store.users.account_by_login(email="ann@example.org")
    assert found is not None
    assert found.user.id == again.id
    assert await store.users.account_by_login(username="ann") is None


@pytest.mark.gen_test
async def test_a_deleted_account_is_not_brought_back(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    await ended(store, ann)
    shown = await store.users.get(ann.id)
    with pytest.raises(Missing):
        await store.users.update(ann.id, ProfileChange(display_name="Ann"))
    with pytest.raises(Missing):
        await store.users.set_password(ann.id, "new", keep_session_id=None)
    with pytest.raises(Missing):
        await store.users.enable(ann.id)
    with pytest.raises(Missing):
        await store.users.disable(ann.id)
    with pytest.raises(Missing):
        await store.settings.merge(ann.id, {"theme": "dark"})
    assert not await store.users.rehash(ann.id, "hash", "new")
    assert await store.users.get(ann.id) == shown


@pytest.mark.gen_test
async def test_who_gives_an_old_hash_or_is_late_deletes_nothing(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    await store.sessions.create(Session("s1", ann.id, 1, START_MS, START_MS + 10**6))
    with pytest.raises(Outdated):
        await store.ended_accounts.end(ann.id, before="another")
    assert await store.users.get(ann.id) == ann
    assert len(await store.sessions.live_of(ann.id, now_ms=START_MS)) == 1
    with pytest.raises(Missing):
        await store.ended_accounts.erase(ann.id)
    await ended(store, ann)
    for before in ("hash", ""):
        with pytest.raises(Missing):
            await store.ended_accounts.end(ann.id, before=before)
    for call in (store.ended_accounts.end("nobody", before="hash"), store.ended_accounts.erase("nobody")):
        with pytest.raises(Missing):
            await call


@pytest.mark.gen_test
async def test_what_it_had_of_its_own_is_removed_and_again_changes_nothing(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    for one, other in ((ann, bob), (bob, ann)):
        await store.settings.merge(one.id, {"theme": "dark"})
        await store.blocks.add(one.id, other.id)
        await store.users.remember_address(one.id, "mark", now_ms=START_MS)
    await ended(store, ann)
    await store.ended_accounts.erase(ann.id)
    assert await store.settings.get(ann.id) == {}
    assert await store.blocks.list(ann.id) == []
    assert await store.users.address_seen(ann.id, ["mark"], now_ms=START_MS) is None
    assert await store.settings.get(bob.id) == {"theme": "dark"}
    assert [user.username for user in await store.blocks.list(bob.id)] == ["deleted"]
    assert await store.users.address_seen(bob.id, ["mark"], now_ms=START_MS) == START_MS


@pytest.mark.gen_test
async def test_it_becomes_a_member_of_nothing(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    room = (await fill.room(bob)).room
    await ended(store, ann)
    with pytest.raises(Missing):
        await store.members.add(room.id, ann.id)
    with pytest.raises(Missing):
        await store.rooms.direct(bob.id, ann.id)
    with pytest.raises(Missing):
        await fill.room(ann)
    assert await store.rooms.joined_by(ann.id) == {}
    standing = await store.rooms.get_for(room.id, bob.id)
    assert standing is not None
    assert (standing.room.member_count, standing.room.rev) == (1, 0)


@pytest.mark.gen_test
async def test_its_messages_stay_and_are_shown_without_the_name_under_the_same_rev(
    store: Store, fill: StoreFiller
) -> None:
    ann, bob = await fill.user("Ann"), await fill.user("Bob")
    room, left = (await fill.room(bob)).room, (await fill.room(bob)).room
    for one in (room, left):
        await store.members.add(one.id, ann.id)
    plain, edited, reacted, deleted = await fill.say(room.id, ann, "plain words", "before", "liked", "gone")
    (his,) = await fill.say(room.id, bob, "his words")
    await store.messages.edit(edited.id, "edited words", actor=Actor(ann.id))
    await store.messages.react(reacted.id, "+", actor=Actor(bob.id), on=True)
    await store.messages.delete(deleted.id, actor=Actor(ann.id))
    (elsewhere,) = await fill.say(left.id, ann, "elsewhere")
    await store.members.remove(left.id, ann.id)
    head = (await store.rooms.heads([room.id]))[room.id]
    before = await store.messages.newest_between(room.id, after=0, upto=head.seq, limit=100)
    assert {message.username for message in before} == {"Ann", "Bob"}

    await ended(store, ann)

    names = ["deleted"] * 4 + ["Bob"]
    after = await store.messages.newest_between(room.id, after=0, upto=head.seq, limit=100)
    assert [message.username for message in after] == names
    assert [(message.id, message.rev, message.content) for message in after] == [
        (message.id, message.rev, message.content) for message in before
    ]
    assert (await store.rooms.heads([room.id]))[room.id] == head
    page = await store.messages.page(room.id, limit=100, with_authors=True)
    assert [message.username for message in page.messages] == names
    assert {author.display_name for author in page.authors} == {"Deleted user", "Bob"}
    changes = await store.changes.page(room.id, since=0, limit=100)
    assert [change.message.username for change in changes.changes if change.message] == ["deleted"] * 3
    assert [change.is_reaction for change in changes.changes if change.message] == [False, True, False]
    latest = await store.changes.latest_between(room.id, since=0, upto=head.rev, limit=100)
    assert [change.message.username for change in latest.changes if change.message] == ["deleted"] * 3
    for message, name in ((plain, "deleted"), (his, "Bob"), (elsewhere, "deleted")):
        found = await store.messages.get(message.id)
        assert found is not None
        assert found.username == name
    again = await store.messages.by_client_id(room.id, ann.id, plain.client_id)
    assert again is not None
    assert again.username == "deleted"
    hits, _ = await store.messages.search(MessageSearch((room.id, left.id), author_ids=(ann.id,)), limit=9, after=None)
    assert {hit.message.username for hit in hits} == {"deleted"}
    assert len(hits) == 4


@pytest.mark.gen_test
async def test_a_change_of_its_message_does_not_bring_the_name_back(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user("Ann"), await fill.user("Bob")
    room = (await fill.room(bob)).room
    await store.members.add(room.id, ann.id)
    (message,) = await fill.say(room.id, ann, "hello")
    await ended(store, ann)
    change = await store.messages.react(message.id, "+", actor=Actor(bob.id), on=True)
    assert change.message.username == "deleted"
    change = await store.messages.delete(message.id, actor=Actor(bob.id))
    assert change.message.username == "deleted"
    changes = await store.changes.page(room.id, since=0, limit=100)
    assert [entry.message.username for entry in changes.changes if entry.message] == ["deleted"] * 2


@pytest.mark.gen_test
async def test_a_report_of_its_message_has_no_name_either(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user("Ann"), await fill.user("Bob")
    room = (await fill.room(bob)).room
    await store.members.add(room.id, ann.id)
    for author in (ann, bob):
        (message,) = await fill.say(room.id, author, "rude words")
        await store.reports.add(message, bob.id, "it is rude")
    await ended(store, ann)
    reports, _ = await store.reports.page(room.id, limit=9, after=None)
    assert {report.message.user_id: report.message.username for report in reports} == {ann.id: "deleted", bob.id: "Bob"}
    assert {report.message.content for report in reports} == {"rude words"}


@pytest.mark.gen_test
async def test_it_is_unfinished_until_it_is_finished(store: Store, fill: StoreFiller, clock: HandClock) -> None:
    people = [await fill.user() for _ in range(3)]
    for one in people:
        await store.ended_accounts.end(one.id, before="hash")
        clock.ms += 1000
    unfinished = store.ended_accounts.unfinished
    assert await unfinished(ended_before_ms=START_MS, limit=9) == []
    assert await unfinished(ended_before_ms=START_MS + 10**6, limit=9) == [one.id for one in people]
    assert await unfinished(ended_before_ms=START_MS + 10**6, limit=2) == [one.id for one in people[:2]]
    first = [people[0].id]
    assert await unfinished(ended_before_ms=START_MS + 10**6, limit=1, without=first) == [people[1].id]
    await store.ended_accounts.finish(people[0].id)
    await store.ended_accounts.finish(people[0].id)
    assert await unfinished(ended_before_ms=START_MS + 1500, limit=9) == [people[1].id]


@pytest.mark.parametrize("comes_first", [False, True])
@pytest.mark.gen_test
async def test_who_opens_their_direct_room_with_it_does_not_become_a_member_again(
    store: Store, fill: StoreFiller, comes_first: bool
) -> None:
    """`comes_first`: the id of who opens it is the lower of the two."""
    ann, bob = sorted([await fill.user(), await fill.user()], key=lambda one: one.id, reverse=not comes_first)
    room_id = (await store.rooms.direct(ann.id, bob.id))[0].room.id
    for person in (ann, bob):
        await store.members.remove(room_id, person.id)
    await ended(store, bob)
    with pytest.raises(Missing):
        await store.rooms.direct(ann.id, bob.id)
    assert await store.members.get(room_id, ann.id) is None
