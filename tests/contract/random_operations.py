"""Operations on a store, each by a few numbers, so that another store can be asked for the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from store.contract import Store
from store.errors import StoreError
from store.ids import make_id
from store.models import (
    ROOM_MENTION,
    BotDraft,
    FileDraft,
    MessageDraft,
    MessageSearch,
    Role,
    RoomDraft,
    RoomPatch,
    Stored,
    WebhookDraft,
)
from tests.contract.random_steps import PEOPLE, Operation, Step, World

HOUR_MS = 3600 * 1000
TIMES_MS = (-1, 1000, HOUR_MS, 25 * HOUR_MS)
PATCHES = (
    RoomPatch(name="Another"),
    RoomPatch(description=None),
    RoomPatch(is_private=True),
    RoomPatch(is_private=False),
    RoomPatch(max_users=2),
    RoomPatch(max_users=50, archived=False),
    RoomPatch(slow_mode_s=30),
    RoomPatch(slow_mode_s=0),
    RoomPatch(archived=True),
    RoomPatch(archived=False),
)


async def make_room(world: World, step: Step) -> Any:
    draft = RoomDraft(f"Room {step.n}", "about", step.choice % 3 == 0, (3, 5, 100)[step.choice % 3])
    made = await world.store.rooms.create(draft, world.people[step.who % PEOPLE])
    world.made(world.rooms, made.room.id, "room")
    return made


async def make_direct(world: World, step: Step) -> Any:
    made, is_new = await world.store.rooms.direct(world.people[step.who % PEOPLE], world.person(step.whom))
    if is_new:
        world.made(world.direct_rooms, made.room.id, "direct")
    return made, is_new


async def delete_room(world: World, step: Step) -> Any:
    await world.store.rooms.delete(world.room(step), world.actor(step))
    while await world.store.rooms.purge():
        pass


async def change_settings(world: World, step: Step) -> Any:
    return await world.store.rooms.update(world.room(step), world.actor(step), PATCHES[step.choice % len(PATCHES)])


async def join(world: World, step: Step) -> Any:
    return await world.store.members.add(world.common_room(step), world.person(step.whom))


async def invite(world: World, step: Step) -> Any:
    return await world.store.members.add(world.room(step), world.person(step.whom), actor=world.actor(step))


async def leave(world: World, step: Step) -> Any:
    return await world.store.members.remove(world.common_room(step), world.person(step.whom))


async def read(world: World, step: Step) -> Any:
    return await world.store.members.mark_read(world.room(step), world.person(step.whom), step.choice)


async def give_role(world: World, step: Step) -> Any:
    role = list(Role)[step.choice % 3]
    return await world.store.moderation.set_role(
        world.room(step), world.person(step.whom), role, actor=world.actor(step)
    )


async def mute(world: World, step: Step) -> Any:
    until_ms = step.now_ms + TIMES_MS[step.choice % 4]
    return await world.store.moderation.mute(
        world.room(step), world.person(step.whom), until_ms, actor=world.actor(step)
    )


async def remove(world: World, step: Step) -> Any:
    return await world.store.moderation.remove(world.room(step), world.person(step.whom), actor=world.actor(step))


async def ban(world: World, step: Step) -> Any:
    until_ms = None if step.choice % 4 == 0 else step.now_ms + TIMES_MS[step.choice % 4]
    return await world.store.bans.add(
        world.room(step), world.person(step.whom), reason="rude", expires_at_ms=until_ms, actor=world.actor(step)
    )


async def lift_ban(world: World, step: Step) -> Any:
    return await world.store.bans.lift(world.room(step), world.person(step.whom), actor=world.actor(step))


async def say(world: World, step: Step) -> Any:
    author, other = world.person(step.who), world.message(step)
    drafts = [
        MessageDraft(
            author,
            "a name",
            f"{('hello', 'héllo')[step.choice % 2]} {step.n}",
            f"c{step.n - step.choice % 2}-{number}",  # which may have been used by the step before
            reply_to_id=other if step.choice % 5 == 0 else None,
            thread_id=other if step.choice % 7 == 0 else None,
            mentions=(world.person(step.whom), ROOM_MENTION)[: step.choice % 3],
            by_admin=step.is_admin,
        )
        for number in range(1 + step.choice % 2)
    ]
    outcomes = await world.store.messages.append(world.room(step), drafts)
    for outcome in outcomes:
        if isinstance(outcome, Stored) and not outcome.duplicate:
            world.messages.append(outcome.message.id)
    return outcomes


async def upload(world: World, step: Step) -> Any:
    file_id, content = make_id("f"), b"x" * (1 + step.choice)

    async def pieces() -> AsyncIterator[bytes]:
        yield content

    written = await world.store.files.write(file_id, pieces())
    world.made(world.files, file_id, "file")
    owner = world.people[step.who % PEOPLE]
    draft = FileDraft(file_id, owner, f"{step.n}.txt", written.size, "text/plain", written.sha256)
    return await world.store.files.create(draft, quota_bytes=(None, 40)[step.choice % 2])


async def show_file(world: World, step: Step) -> Any:
    if not world.files:
        return None
    file_id = world.files[step.message % len(world.files)]
    owner = world.people[step.who % PEOPLE]
    draft = MessageDraft(owner, "a name", "look", f"f{step.n}", attachment_ids=(file_id,))
    outcomes = await world.store.messages.append(world.room(step), [draft])
    for outcome in outcomes:
        if isinstance(outcome, Stored):
            world.messages.append(outcome.message.id)
    return outcomes


async def edit(world: World, step: Step) -> Any:
    return await world.store.messages.edit(world.message(step), f"édited {step.choice % 3}", actor=world.actor(step))


async def delete(world: World, step: Step) -> Any:
    return await world.store.messages.delete(world.message(step), actor=world.actor(step))


async def react(world: World, step: Step) -> Any:
    emoji, on = "ABCD"[step.choice % 4], step.choice % 3 > 0
    return await world.store.messages.react(world.message(step), emoji, actor=world.actor(step), on=on)


async def history(world: World, step: Step) -> Any:
    return await world.store.messages.history(world.message(step), actor=world.actor(step))


async def report(world: World, step: Step) -> Any:
    message = await world.store.messages.get(world.message(step))
    return None if message is None else await world.store.reports.add(message, world.person(step.who), "rude")


async def make_link(world: World, step: Step) -> Any:
    uses, ms = (None, 1, 2)[step.choice % 3], (None, HOUR_MS)[step.choice % 2]
    return await world.store.invites.create(
        world.room(step), f"link{step.n}", actor=world.actor(step), max_uses=uses, expires_in_ms=ms
    )


def link_of(step: Step) -> str:
    """The code of a link that one of the last steps may have made."""
    return f"link{step.n - 1 - step.choice}"


async def use_link(world: World, step: Step) -> Any:
    return await world.store.invites.use(link_of(step), world.person(step.whom))


async def claim_and_release_link(world: World, step: Step) -> Any:
    claimed = await world.store.invites.claim(link_of(step))
    if step.is_admin:
        await world.store.invites.release(link_of(step))
    return claimed, await world.store.invites.find(link_of(step))


async def revoke_link(world: World, step: Step) -> Any:
    return await world.store.invites.revoke(world.room(step), link_of(step), actor=world.actor(step))


async def make_bot(world: World, step: Step) -> Any:
    bot_id, name = f"ubot{step.n}", (f"bot{step.n}", "PERSON1")[step.choice % 5 == 0]
    made = await world.store.bots.add(world.room(step), world.actor(step), BotDraft(bot_id, name, f"b-{step.n}"))
    world.made(world.people, bot_id, "bot")
    return made


async def remove_bot(world: World, step: Step) -> Any:
    return await world.store.bots.remove(world.room(step), world.person(step.whom), world.actor(step))


async def make_webhook(world: World, step: Step) -> Any:
    draft = WebhookDraft(f"uhook{step.n}", f"hook{step.n}", "A hook", f"hash{step.n}")
    made = await world.store.webhooks.add(world.room(step), world.actor(step), draft)
    world.made(world.people, draft.user_id, "hook")
    world.made(world.webhooks, made.webhook.id, "webhook")
    return made


async def remove_webhook(world: World, step: Step) -> Any:
    webhook_id = world.webhooks[step.choice % len(world.webhooks)] if world.webhooks else "none"
    return await world.store.webhooks.remove(world.room(step), webhook_id, world.actor(step))


async def block(world: World, step: Step) -> Any:
    return await world.store.blocks.add(world.people[step.who % PEOPLE], world.person(step.whom))


async def sweep(world: World, step: Step) -> Any:
    await world.store.sweep(step.now_ms)


# What makes more possible comes more often.
OPERATIONS: tuple[Operation, ...] = (
    *(join, leave, say) * 4,
    *(upload, show_file, show_file) * 2,
    *(invite, change_settings, react, make_link, use_link) * 2,
    *(give_role, mute, remove, ban, lift_ban, edit, delete, history, read, report, block, sweep),
    *(claim_and_release_link, revoke_link, make_bot, remove_bot, make_webhook, remove_webhook),
    *(make_room, make_direct, delete_room),
)


async def look(world: World, step: Step) -> Any:
    """What there is to see of the room, and of the person whom the step was about."""
    store, room_id, person = world.store, world.room(step), world.person(step.whom)
    rev = (await store.changes.page(room_id, since=0, limit=1)).rev
    hits, _ = await store.messages.search(
        MessageSearch((*world.rooms, *world.direct_rooms), ("hello",)), limit=50, after=None
    )
    try:
        links: object = await store.invites.list(room_id, actor=world.actor(step))
    except StoreError as error:
        links = error.args
    return (
        await store.rooms.get_for(room_id, person),
        await store.rooms.stats(room_id),
        await store.members.standings([(room_id, one) for one in world.people]),
        await store.members.list(room_id, limit=50, after=None),
        await store.messages.page(room_id, limit=50),
        await store.changes.page(room_id, since=0, limit=100),
        await store.changes.latest_between(room_id, since=rev // 2, upto=rev, limit=50),
        (await store.bans.page(room_id, limit=50, after=None))[0],
        await store.bans.among([(room_id, one) for one in world.people]),
        [
            (entry.action, entry.by, entry.user_id, sorted(entry.details.items()))
            for entry in await trail(store, room_id)
        ],
        [(one.message.id, one.by) for one in (await store.reports.page(room_id, limit=50, after=None))[0]],
        await store.bots.list(room_id),
        await store.webhooks.list(room_id),
        links,
        await store.blocks.list(person),
        sorted(world.named(one) for one in (await store.rooms.joined_by(person)).items()),
        [hit.message for hit in hits],
        sorted(world.named(file) for file in await store.files.owned_by(person, limit=50)),
        [await store.files.may_read(file_id, person) for file_id in world.files],
    )


async def trail(store: Store, room_id: str) -> Any:
    return (await store.audit.page(room_id, limit=100, after=None))[0]
