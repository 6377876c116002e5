"""The texts that edits replaced, and who may change a message."""

from __future__ import annotations

import asyncio

import pytest

from store.contract import Store
from store.errors import Missing, Refused, StoreError
from store.models import REPLACED_TEXTS_KEPT, Actor, Refusal, ReplacedText, Role
from tests.contract.conftest import Reopen, StoreFiller, on_each_backend
from tests.support.actors import ADMIN
from tests.support.clock import HandClock


@pytest.mark.gen_test
async def test_what_an_edit_replaced_is_kept_with_its_time_the_newest_first(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann = await fill.user()
    (message,) = await fill.say((await fill.room(ann)).room.id, ann, "first")
    assert (await store.messages.history(message.id, actor=Actor(ann.id))).replaced == ()
    for content in ("second", "third", "third", "fourth"):
        clock.ms += 1000
        edited = await store.messages.edit(message.id, content, actor=Actor(ann.id))
    history = await store.messages.history(message.id, actor=Actor(ann.id))
    assert history.message == edited.message
    assert history.replaced == (
        ReplacedText("third", "2027-01-15T08:00:04.000Z"),
        ReplacedText("second", "2027-01-15T08:00:02.000Z"),
        ReplacedText("first", "2027-01-15T08:00:01.000Z"),
    )


@pytest.mark.gen_test
async def test_of_many_replaced_texts_the_newest_are_kept(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    message, other = await fill.say((await fill.room(ann)).room.id, ann, "0", "other")
    await store.messages.edit(other.id, "other's", actor=ADMIN)
    for number in range(1, REPLACED_TEXTS_KEPT + 3):
        await store.messages.edit(message.id, f"{number}", actor=ADMIN)
    replaced = (await store.messages.history(message.id, actor=ADMIN)).replaced
    assert [text.content for text in replaced] == [f"{number}" for number in range(REPLACED_TEXTS_KEPT + 1, 1, -1)]
    assert [text.content for text in (await store.messages.history(other.id, actor=ADMIN)).replaced] == ["other"]


@pytest.mark.gen_test
async def test_a_deletion_drops_what_edits_replaced(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    message, other = await fill.say((await fill.room(ann)).room.id, ann, "secret", "other")
    await store.messages.edit(message.id, "public", actor=ADMIN)
    await store.messages.edit(other.id, "other's", actor=ADMIN)
    deleted = await store.messages.delete(message.id, actor=Actor(ann.id))
    history = await store.messages.history(message.id, actor=Actor(ann.id))
    assert (history.message, history.replaced) == (deleted.message, ())
    assert len((await store.messages.history(other.id, actor=ADMIN)).replaced) == 1


@on_each_backend
@pytest.mark.gen_test
async def test_edits_that_race_are_all_in_the_history_and_a_deletion_among_them_leaves_none(
    store: Store, fill: StoreFiller, open_again: Reopen
) -> None:
    ann = await fill.user()
    kept, deleted = await fill.say((await fill.room(ann)).room.id, ann, "start", "start")
    other = await open_again()
    stores = (store, other)
    outcomes = await asyncio.gather(
        *(stores[n % 2].messages.edit(kept.id, f"{n}", actor=ADMIN) for n in range(20)),
        *(stores[n % 2].messages.edit(deleted.id, f"{n}", actor=ADMIN) for n in range(10)),
        other.messages.delete(deleted.id, actor=ADMIN),
        *(stores[n % 2].messages.edit(deleted.id, f"{n}", actor=ADMIN) for n in range(10)),
        return_exceptions=True,
    )
    assert not [one for one in outcomes if isinstance(one, BaseException) and not isinstance(one, Missing)]
    history = await store.messages.history(kept.id, actor=ADMIN)
    texts = [history.message.content, *(text.content for text in history.replaced)]
    assert sorted(texts, key=str) == sorted([*(f"{n}" for n in range(20)), "start"])
    log = await store.changes.page(kept.room_id, since=0, limit=100)
    edits = [change.message.content for change in log.changes if change.message and change.message.id == kept.id]
    assert texts == [*reversed(edits), "start"], "in the order of the log"
    assert (await store.messages.history(deleted.id, actor=ADMIN)).replaced == ()


async def outcome_of(store: Store, name: str, message_id: str, actor: Actor) -> str:
    """`ok`, or why an act on a message was refused."""
    acts = {
        "edit": lambda: store.messages.edit(message_id, "new", actor=actor),
        "delete": lambda: store.messages.delete(message_id, actor=actor),
        "react": lambda: store.messages.react(message_id, "👍", actor=actor, on=True),
        "unreact": lambda: store.messages.react(message_id, "👍", actor=actor, on=False),
        "history": lambda: store.messages.history(message_id, actor=actor),
    }
    try:
        await acts[name]()
    except Refused as refused:
        return refused.refusal.value
    except Missing as missing:
        return f"no {missing.kind}"
    except StoreError as error:
        return type(error).__name__
    return "ok"


ACTS = ("react", "unreact", "history", "edit", "delete")
NOT_MEMBER, FORBIDDEN = Refusal.NOT_MEMBER.value, Refusal.FORBIDDEN.value


@pytest.mark.parametrize(
    ("who", "is_private", "expected"),
    [
        ("author", False, ("ok", "ok", "ok", "ok", "ok")),
        ("member", False, ("ok", "ok", FORBIDDEN, FORBIDDEN, FORBIDDEN)),
        ("moderator", False, ("ok", "ok", "ok", "ok", "ok")),
        ("owner", True, ("ok", "ok", "ok", "ok", "ok")),
        ("stranger", False, (NOT_MEMBER,) * 5),
        ("stranger", True, ("no message",) * 5),
        ("author who left", False, (NOT_MEMBER,) * 5),
        ("author who left", True, ("no message",) * 5),
        ("administrator", True, ("no message", "no message", "ok", "ok", "ok")),
        ("administrator", False, (NOT_MEMBER, NOT_MEMBER, "ok", "ok", "ok")),
    ],
)
@pytest.mark.gen_test
async def test_who_may_change_a_message(
    store: Store, fill: StoreFiller, who: str, is_private: bool, expected: tuple[str, ...]
) -> None:
    owner, author, moderator, member = [await fill.user() for _ in range(4)]
    room_id = (await fill.room(owner, private=is_private)).room.id
    await store.members.add(room_id, author.id)
    await store.members.add(room_id, member.id)
    await store.members.add(room_id, moderator.id, role=Role.MODERATOR)
    (message,) = await fill.say(room_id, author, "text")
    if who == "author who left":
        await store.members.remove(room_id, author.id)
    actors = {
        "author": Actor(author.id),
        "author who left": Actor(author.id),
        "member": Actor(member.id),
        "moderator": Actor(moderator.id),
        "owner": Actor(owner.id),
        "stranger": Actor((await fill.user()).id),
        "administrator": ADMIN,
    }
    assert tuple([await outcome_of(store, act, message.id, actors[who]) for act in ACTS]) == expected


@pytest.mark.gen_test
async def test_who_was_removed_while_they_edit_has_edited_before_or_not_at_all(store: Store, fill: StoreFiller) -> None:
    owner = await fill.user()
    room_id = (await fill.room(owner)).room.id
    people = await fill.members(room_id, 10)
    messages = [(await fill.say(room_id, one, "text"))[0] for one in people]
    outcomes = await asyncio.gather(
        *(
            work
            for one, message in zip(people, messages, strict=True)
            for work in (
                outcome_of(store, "edit", message.id, Actor(one.id)),
                store.members.remove(room_id, one.id),
            )
        )
    )
    log = (await store.changes.page(room_id, since=10, limit=100)).changes
    edited = {change.message.id: change.rev for change in log if change.message}
    for message, outcome, left in zip(messages, outcomes[::2], outcomes[1::2], strict=True):
        assert (outcome == "ok") == (message.id in edited)
        assert outcome in ("ok", NOT_MEMBER)
        assert edited.get(message.id, 0) < left.rev  # type: ignore[union-attr]
