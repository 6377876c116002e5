"""A resent message stores nothing and gives no access: a file may be read by those who may read a message that has it,
and who is no member any more is told of no message.
"""

from __future__ import annotations

import asyncio

import pytest

from store.contract import Store
from store.models import Refusal, Stored
from tests.contract.conftest import StoreFiller, on_each_backend
from tests.contract.test_store_files import upload
from tests.support.actors import ADMIN

pytestmark = pytest.mark.gen_test


async def test_a_resend_with_other_files_shows_them_to_nobody(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    shown, hidden = await upload(store, ann), await upload(store, ann)
    drafts = [fill.draft(ann, "look", "c1", attachment_ids=(file.id,)) for file in (shown, hidden)]
    for draft in drafts:
        (outcome,) = await store.messages.append(room_id, [draft])
        assert isinstance(outcome, Stored)
        assert [file.id for file in outcome.message.attachments] == [shown.id]
    assert await store.files.may_read(shown.id, bob.id)
    assert not await store.files.may_read(hidden.id, bob.id)


@on_each_backend
async def test_of_two_sends_at_once_the_files_of_the_one_that_was_stored_are_shown(
    store: Store, fill: StoreFiller
) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    files = [await upload(store, ann), await upload(store, ann)]
    drafts = [fill.draft(ann, "look", "c1", attachment_ids=(file.id,)) for file in files]
    first, second = await asyncio.gather(*(store.messages.append(room_id, [draft]) for draft in drafts))
    assert isinstance(first[0], Stored) and isinstance(second[0], Stored)
    assert first[0].message == second[0].message
    readable = [file.id for file in files if await store.files.may_read(file.id, bob.id)]
    assert readable == [file.id for file in first[0].message.attachments]


async def test_a_resend_of_a_deleted_message_does_not_open_its_files_again(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    file = await upload(store, ann)
    draft = fill.draft(ann, "look", "c1", attachment_ids=(file.id,))
    (outcome,) = await store.messages.append(room_id, [draft])
    assert isinstance(outcome, Stored)
    await store.messages.delete(outcome.message.id, actor=ADMIN)
    assert not await store.files.may_read(file.id, bob.id)
    (again,) = await store.messages.append(room_id, [draft])
    assert isinstance(again, Stored) and again.duplicate and again.message.deleted_at is not None
    assert not await store.files.may_read(file.id, bob.id)


@pytest.mark.parametrize("with_file", [False, True])
async def test_a_resend_by_who_has_left_is_refused_like_a_new_message(
    store: Store, fill: StoreFiller, with_file: bool
) -> None:
    ann, bob = await fill.user(), await fill.user()
    room_id = (await fill.room(ann)).room.id
    await store.members.add(room_id, bob.id)
    files = ((await upload(store, bob)).id,) if with_file else ()
    draft = fill.draft(bob, "look", "c1", attachment_ids=files)
    (outcome,) = await store.messages.append(room_id, [draft])
    assert isinstance(outcome, Stored)
    await store.members.remove(room_id, bob.id)
    assert await store.messages.append(room_id, [draft, draft]) == [Refusal.NOT_MEMBER] * 2
    await store.members.add(room_id, bob.id)
    (again,) = await store.messages.append(room_id, [draft])
    assert isinstance(again, Stored) and again.duplicate
