"""Bots and webhooks: each has one room and one user, whom nobody can log in to."""

from __future__ import annotations

import asyncio

import pytest

from store.contract import Store
from store.errors import Missing, Refused, RoomFull, Taken
from store.ids import make_id
from store.models import (
    BOTS_PER_ROOM_MAX,
    NEVER_MS,
    WEBHOOKS_PER_ROOM_MAX,
    Actor,
    BotAdded,
    BotDraft,
    MessageDraft,
    Refusal,
    Role,
    Stored,
    WebhookDraft,
)
from tests.contract.conftest import StoreFiller, on_each_backend
from tests.support.clock import HandClock


def bot_draft(username: str) -> BotDraft:
    return BotDraft(make_id("u"), username, f"b-{username}")


def hook_draft(username: str) -> WebhookDraft:
    return WebhookDraft(make_id("u"), username, f"The {username}", f"hash-{username}")


@pytest.mark.gen_test
async def test_a_bot_is_a_member_with_a_login_that_does_not_end(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room = (await fill.room(ann, private=True)).room
    draft = bot_draft("Robbie")
    added = await store.bots.add(room.id, Actor(ann.id), draft)
    assert (added.change.changed, added.change.rev, added.change.room.member_count) == (True, 1, 2)
    assert added.change.membership is not None
    assert added.change.membership.role is Role.MEMBER
    bot = added.bot
    assert (bot.room_id, bot.session_id, bot.created_by) == (room.id, draft.session_id, ann.id)
    assert (bot.user.id, bot.user.username, bot.user.display_name) == (draft.user_id, "Robbie", "Robbie")
    assert bot.user.bot_room_id == room.id
    assert await store.users.get(bot.user.id) == bot.user
    assert await store.bots.list(room.id) == [bot]
    assert await store.rooms.joined_by(bot.user.id) == {room.id: 1}
    session = await store.sessions.get(draft.session_id)
    assert session is not None
    assert (session.user_id, session.expires_at_ms, session.revoked_at_ms) == (bot.user.id, NEVER_MS, None)
    said = await fill.say(room.id, bot.user, "beep")
    assert said[0].username == "Robbie"


@pytest.mark.gen_test
async def test_the_user_of_a_bot_has_no_password_and_no_address(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room = (await fill.room(ann)).room
    bots = [(await store.bots.add(room.id, Actor(ann.id), bot_draft(name))).bot for name in ("robbie", "marvin")]
    for bot in bots:
        account = await store.users.account(bot.user.id)
        assert account is not None
        assert (account.email, account.password_hash) == ("", "")
    assert await store.users.account_by_login(email="") is None


@pytest.mark.gen_test
async def test_bots_are_not_among_the_people_that_a_search_finds(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user("robin")
    room = (await fill.room(ann)).room
    await store.bots.add(room.id, Actor(ann.id), bot_draft("robbie"))
    assert await store.users.search("rob", 10) == [ann]
    assert await store.users.search("", 10) == [ann]


@pytest.mark.gen_test
async def test_a_removed_bot_keeps_its_user_and_nothing_else(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room = (await fill.room(ann)).room
    bot = (await store.bots.add(room.id, Actor(ann.id), bot_draft("robbie"))).bot
    await fill.say(room.id, bot.user, "beep")
    removed = await store.bots.remove(room.id, bot.user.id, Actor(ann.id))
    assert removed.bot == bot
    assert (removed.change.changed, removed.change.membership, removed.change.room.member_count) == (True, None, 1)
    assert await store.bots.list(room.id) == []
    assert await store.sessions.not_live([bot.session_id]) == [bot.session_id]
    assert await store.members.get(room.id, bot.user.id) is None
    user = await store.users.get(bot.user.id)
    assert user is not None
    assert (user.username, user.bot_room_id) == ("robbie", "")
    with pytest.raises(Missing) as missing:
        await store.bots.remove(room.id, bot.user.id, Actor(ann.id))
    assert missing.value.kind == "bot"
    with pytest.raises(Refused):
        await store.members.add(room.id, bot.user.id)
    with pytest.raises(Taken):
        await store.users.create(username="ROBBIE", email="r@example.org", password_hash="hash")


@pytest.mark.gen_test
async def test_to_remove_one_that_is_no_member_any_more_is_a_change_of_the_room_too(
    store: Store, fill: StoreFiller
) -> None:
    ann = await fill.user()
    room = (await fill.room(ann)).room
    bot = (await store.bots.add(room.id, Actor(ann.id), bot_draft("robbie"))).bot
    hook = (await store.webhooks.add(room.id, Actor(ann.id), hook_draft("ci"))).webhook
    for user_id in (bot.user.id, hook.user_id):
        await store.members.remove(room.id, user_id)
    of_bot = (await store.bots.remove(room.id, bot.user.id, Actor(ann.id))).change
    of_hook = (await store.webhooks.remove(room.id, hook.id, Actor(ann.id))).change
    for change, rev in ((of_bot, 5), (of_hook, 6)):
        assert (change.changed, change.rev, change.room.rev, change.room.member_count) == (True, rev, rev, 1)
        assert (change.membership, change.has_new_owner) == (None, False)
    assert [change.rev for change in (await store.changes.page(room.id, since=0, limit=9)).changes] == [*range(1, 7)]


@pytest.mark.gen_test
async def test_the_login_of_a_removed_bot_is_kept_until_everybody_knows(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room = (await fill.room(ann)).room
    bot = (await store.bots.add(room.id, Actor(ann.id), bot_draft("robbie"))).bot
    await store.bots.remove(room.id, bot.user.id, Actor(ann.id))
    session = await store.sessions.get(bot.session_id)
    assert session is not None
    assert session.revoked_at_ms is not None
    assert await store.sessions.revoked_since(session.revoked_at_ms) == [bot.session_id]
    await store.sweep(session.expires_at_ms)
    assert await store.sessions.get(bot.session_id) is None


@pytest.mark.gen_test
async def test_a_bot_can_be_in_no_other_room(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room, other = (await fill.room(ann)).room, (await fill.room(ann)).room
    bot = (await store.bots.add(room.id, Actor(ann.id), bot_draft("robbie"))).bot
    with pytest.raises(Refused) as refused:
        await store.members.add(other.id, bot.user.id)
    assert refused.value.refusal is Refusal.FORBIDDEN
    with pytest.raises(Refused):
        await store.rooms.direct(ann.id, bot.user.id)
    assert await store.rooms.joined_by(bot.user.id) == {room.id: 1}
    assert (await store.rooms.heads([other.id]))[other.id].rev == 0
    await store.members.remove(room.id, bot.user.id)
    assert (await store.members.add(room.id, bot.user.id)).changed, "into its own it may be invited again"


@pytest.mark.gen_test
async def test_a_bot_has_no_role_and_never_becomes_an_owner(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    room = (await fill.room(ann)).room
    bot = (await store.bots.add(room.id, Actor(ann.id), bot_draft("robbie"))).bot
    for role in (Role.OWNER, Role.MODERATOR):
        with pytest.raises(Refused) as refused:
            await store.moderation.set_role(room.id, bot.user.id, role, actor=Actor(ann.id))
        assert refused.value.refusal is Refusal.FORBIDDEN
    await store.members.add(room.id, bob.id)
    assert (await store.members.remove(room.id, ann.id)).user_ids_promoted == (bob.id,)
    last = await store.members.remove(room.id, bob.id)
    assert (last.user_ids_promoted, last.room.owner_id, last.room.member_count) == ((), None, 1)
    membership = await store.members.get(room.id, bot.user.id)
    assert membership is not None
    assert membership.role is Role.MEMBER


@pytest.mark.parametrize("with_bot", [False, True])
@pytest.mark.gen_test
async def test_the_person_who_joins_a_room_that_all_people_have_left_is_its_owner(
    store: Store, fill: StoreFiller, with_bot: bool
) -> None:
    ann, bob, cleo = [await fill.user() for _ in range(3)]
    room = (await fill.room(ann)).room
    if with_bot:
        bot = (await store.bots.add(room.id, Actor(ann.id), bot_draft("robbie"))).bot
        await store.members.remove(room.id, bot.user.id)
        await store.members.add(room.id, bot.user.id)
    await store.members.remove(room.id, ann.id)
    joined = await store.members.add(room.id, bob.id)
    assert joined.membership is not None
    assert (joined.membership.role, joined.room.owner_id, joined.has_new_owner) == (Role.OWNER, bob.id, True)
    changes = (await store.changes.page(room.id, since=joined.rev - 1, limit=9)).changes
    assert [change.is_settings for change in changes] == [True], "who has joined the room is told of its owner"
    after = await store.members.add(room.id, cleo.id)
    assert after.membership is not None
    assert (after.membership.role, after.room.owner_id, after.has_new_owner) == (Role.MEMBER, bob.id, False)


@pytest.mark.gen_test
async def test_only_moderators_make_and_remove_bots_and_webhooks(store: Store, fill: StoreFiller) -> None:
    ann, bob, eve = await fill.user(), await fill.user(), await fill.user()
    room = (await fill.room(ann)).room
    direct = (await store.rooms.direct(ann.id, bob.id))[0].room
    await store.members.add(room.id, bob.id)
    bot = (await store.bots.add(room.id, Actor(ann.id), bot_draft("robbie"))).bot
    hook = (await store.webhooks.add(room.id, Actor(ann.id), hook_draft("ci"))).webhook
    for actor, where, refusal in (
        (Actor(bob.id), room, Refusal.FORBIDDEN),
        (Actor(eve.id), room, Refusal.NOT_MEMBER),
        (Actor(ann.id), direct, Refusal.FORBIDDEN),
        (Actor(eve.id, is_admin=True), direct, Refusal.FORBIDDEN),
    ):
        for change in (
            store.bots.add(where.id, actor, bot_draft("other")),
            store.bots.remove(where.id, bot.user.id, actor),
            store.webhooks.add(where.id, actor, hook_draft("other")),
            store.webhooks.remove(where.id, hook.id, actor),
        ):
            with pytest.raises(Refused) as refused:
                await change
            assert refused.value.refusal is refusal
    assert await store.bots.list(room.id) == [bot]
    assert await store.webhooks.list(room.id) == [hook]
    await fill.user("other")
    boss = Actor(eve.id, is_admin=True)
    await store.bots.remove(room.id, bot.user.id, boss)
    await store.webhooks.remove(room.id, hook.id, boss)
    for change in (
        store.bots.add("none", boss, bot_draft("other2")),
        store.bots.remove("none", bot.user.id, boss),
        store.webhooks.add("none", boss, hook_draft("other2")),
        store.webhooks.remove("none", hook.id, boss),
    ):
        with pytest.raises(Missing) as missing:
            await change
        assert missing.value.kind == "room"


@pytest.mark.gen_test
async def test_what_is_not_a_bot_of_the_room_is_not_removed(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    room, other = (await fill.room(ann)).room, (await fill.room(ann)).room
    await store.members.add(room.id, bob.id)
    bot = (await store.bots.add(other.id, Actor(ann.id), bot_draft("robbie"))).bot
    hook = (await store.webhooks.add(other.id, Actor(ann.id), hook_draft("ci"))).webhook
    for user_id in (bob.id, bot.user.id, hook.user_id, "nobody"):
        with pytest.raises(Missing):
            await store.bots.remove(room.id, user_id, Actor(ann.id))
    for webhook_id in (hook.id, bob.id, "none"):
        with pytest.raises(Missing):
            await store.webhooks.remove(room.id, webhook_id, Actor(ann.id))
    assert await store.members.get(room.id, bob.id) is not None
    assert await store.bots.list(other.id) == [bot]


@pytest.mark.gen_test
async def test_a_refused_bot_leaves_nothing(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user("ann")
    room = (await fill.room(ann, max_users=2)).room
    with pytest.raises(Taken):
        await store.bots.add(room.id, Actor(ann.id), bot_draft("ANN"))
    with pytest.raises(Taken):
        await store.webhooks.add(room.id, Actor(ann.id), hook_draft("Ann"))
    await store.webhooks.add(room.id, Actor(ann.id), hook_draft("ci"))
    for change in (
        store.bots.add(room.id, Actor(ann.id), bot_draft("robbie")),
        store.webhooks.add(room.id, Actor(ann.id), hook_draft("robbie")),
    ):
        with pytest.raises(RoomFull):
            await change
    assert await store.bots.list(room.id) == []
    assert len(await store.webhooks.list(room.id)) == 1
    assert await store.sessions.get("b-robbie") is None
    await fill.user("robbie")


@pytest.mark.gen_test
async def test_a_room_has_at_most_so_many(store: Store, fill: StoreFiller, clock: HandClock) -> None:
    ann = await fill.user()
    room = (await fill.room(ann)).room
    for number in range(BOTS_PER_ROOM_MAX):
        clock.ms += 1
        await store.bots.add(room.id, Actor(ann.id), bot_draft(f"bot{number:02d}"))
    for number in range(WEBHOOKS_PER_ROOM_MAX):
        await store.webhooks.add(room.id, Actor(ann.id), hook_draft(f"hook{number:02d}"))
    for change in (
        store.bots.add(room.id, Actor(ann.id), bot_draft("more")),
        store.bots.add(room.id, Actor(ann.id), bot_draft("bot00")),
        store.webhooks.add(room.id, Actor(ann.id), hook_draft("more")),
        store.webhooks.add(room.id, Actor(ann.id), hook_draft("hook00")),
    ):
        with pytest.raises(Refused) as refused:
            await change
        assert refused.value.refusal is Refusal.CONFLICT, "also where the name is taken"
    bots = await store.bots.list(room.id)
    assert [bot.user.username for bot in bots] == [f"bot{number:02d}" for number in range(BOTS_PER_ROOM_MAX)]
    await store.bots.remove(room.id, bots[0].user.id, Actor(ann.id))
    await store.bots.add(room.id, Actor(ann.id), bot_draft("more"))


@on_each_backend
@pytest.mark.gen_test
async def test_of_many_who_race_no_more_bots_are_made_than_fit(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room = (await fill.room(ann)).room
    for number in range(BOTS_PER_ROOM_MAX - 2):
        await store.bots.add(room.id, Actor(ann.id), bot_draft(f"bot{number}"))
    racing = [store.bots.add(room.id, Actor(ann.id), bot_draft(f"racing{number}")) for number in range(8)]
    outcomes = await asyncio.gather(*racing, return_exceptions=True)
    made = [outcome for outcome in outcomes if isinstance(outcome, BotAdded)]
    assert len(made) <= 2
    assert {outcome.refusal for outcome in outcomes if isinstance(outcome, Refused)} == {Refusal.CONFLICT}
    bots = await store.bots.list(room.id)
    assert len(bots) == BOTS_PER_ROOM_MAX - 2 + len(made)
    seen = await store.rooms.get(room.id)
    assert seen is not None
    assert seen.member_count == 1 + len(bots)


@pytest.mark.gen_test
async def test_a_webhook_is_found_by_its_token_until_it_is_removed(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room = (await fill.room(ann)).room
    draft = hook_draft("ci")
    added = await store.webhooks.add(room.id, Actor(ann.id), draft)
    hook = added.webhook
    assert (hook.room_id, hook.user_id, hook.name, hook.created_by) == (room.id, draft.user_id, "The ci", ann.id)
    assert added.change.rev == 1
    assert await store.webhooks.list(room.id) == [hook]
    assert await store.webhooks.by_token(draft.token_hash) == hook
    assert await store.webhooks.by_token("hash-none") is None
    user = await store.users.get(hook.user_id)
    assert user is not None
    assert (user.username, user.display_name, user.bot_room_id) == ("ci", "The ci", room.id)
    (outcome,) = await store.messages.append(room.id, [MessageDraft(user.id, user.username, "built", "c1")])
    assert isinstance(outcome, Stored)
    removed = await store.webhooks.remove(room.id, hook.id, Actor(ann.id))
    assert (removed.webhook, removed.change.changed) == (hook, True)
    assert await store.webhooks.by_token(draft.token_hash) is None
    assert await store.webhooks.list(room.id) == []
    (late,) = await store.messages.append(room.id, [MessageDraft(user.id, user.username, "late", "c2")])
    assert late is Refusal.NOT_MEMBER


@pytest.mark.gen_test
async def test_making_and_removing_is_in_the_audit_trail(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room = (await fill.room(ann)).room
    bot = (await store.bots.add(room.id, Actor(ann.id), bot_draft("robbie"))).bot
    hook = (await store.webhooks.add(room.id, Actor(ann.id), hook_draft("ci"))).webhook
    await store.members.remove(room.id, bot.user.id)
    await store.bots.remove(room.id, bot.user.id, Actor(ann.id))
    await store.webhooks.remove(room.id, hook.id, Actor(ann.id))
    entries, _ = await store.audit.page(room.id, limit=10, after=None)
    assert [(entry.action, entry.by, entry.user_id, entry.details) for entry in reversed(entries)] == [
        ("bot_made", ann.id, bot.user.id, {"username": "robbie"}),
        ("webhook_made", ann.id, hook.user_id, {"name": "The ci"}),
        ("bot_revoked", ann.id, bot.user.id, {"username": "robbie"}),
        ("webhook_revoked", ann.id, hook.user_id, {"name": "The ci"}),
    ]


@pytest.mark.gen_test
async def test_with_their_room_bots_lose_their_login_and_webhooks_end(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    room, other = (await fill.room(ann)).room, (await fill.room(ann)).room
    bot = (await store.bots.add(room.id, Actor(ann.id), bot_draft("robbie"))).bot
    kept = (await store.bots.add(other.id, Actor(ann.id), bot_draft("marvin"))).bot
    await store.webhooks.add(room.id, Actor(ann.id), hook_draft("ci"))
    await store.rooms.delete(room.id, Actor(ann.id))
    while await store.rooms.purge():
        pass
    assert await store.sessions.not_live([bot.session_id, kept.session_id]) == [bot.session_id]
    assert await store.bots.list(room.id) == []
    assert await store.webhooks.list(room.id) == []
    assert await store.webhooks.by_token("hash-ci") is None
    assert await store.users.get(bot.user.id) is not None
    assert await store.bots.list(other.id) == [kept]
