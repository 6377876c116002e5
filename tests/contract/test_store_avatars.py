from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from store.contract import Store
from store.errors import Missing
from store.ids import make_id
from store.models import UNDESCRIBED_KEEP_MS, FileDraft, Standing, Stored, User
from tests.contract.conftest import Reopen, StoreFiller
from tests.support.actors import ADMIN
from tests.support.clock import HandClock

DAY_MS = 24 * 3600 * 1000


async def one_piece(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def upload(store: Store, owner: User) -> str:
    file_id = make_id("f")
    written = await store.files.write(file_id, one_piece(b"picture"))
    draft = FileDraft(file_id, owner.id, "a.webp", written.size, "image/webp", written.sha256, 9, 9)
    return (await store.files.create(draft)).id


async def is_there(store: Store, file_id: str) -> bool:
    """Whether a file is described and has its bytes; one without the other fails."""
    described = await store.files.get(file_id) is not None
    try:
        has_bytes = bool([piece async for piece in store.files.read(file_id)])
    except Missing:
        has_bytes = False
    assert described == has_bytes
    return described


async def avatar_of(store: Store, user: User) -> str | None:
    found = await store.users.get(user.id)
    assert found is not None
    return found.avatar_url


@pytest.mark.gen_test
async def test_every_user_may_read_a_picture_and_it_is_swept_at_no_time(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann, eve = await fill.user(), await fill.user()
    file_id = await upload(store, ann)
    assert not await store.files.may_read(file_id, eve.id)
    user = await store.avatars.set(ann.id, file_id)
    assert (user.id, user.avatar_url) == (ann.id, f"/files/{file_id}")
    assert await avatar_of(store, ann) == user.avatar_url
    assert await store.files.may_read(file_id, eve.id)
    await store.sweep(clock.ms + 3 * DAY_MS)
    assert await is_there(store, file_id)
    again = await store.avatars.set(ann.id, file_id)
    assert again == user
    assert await is_there(store, file_id)


@pytest.mark.gen_test
async def test_the_picture_before_is_there_no_more_and_a_sweep_removes_its_bytes(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann = await fill.user()
    first, second = await upload(store, ann), await upload(store, ann)
    await store.avatars.set(ann.id, first)
    await store.avatars.set(ann.id, second)
    assert await store.files.get(first) is None
    assert await is_there(store, second)
    assert (await store.avatars.set(ann.id, None)).avatar_url is None
    assert await avatar_of(store, ann) is None
    assert await store.files.get(second) is None
    assert (await store.avatars.set(ann.id, None)).avatar_url is None
    await store.sweep(clock.ms + UNDESCRIBED_KEEP_MS)
    assert [await is_there(store, file_id) for file_id in (first, second)] == [False, False]


@pytest.mark.gen_test
async def test_a_picture_that_a_message_shows_stays_for_those_who_may_read_that(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann, bob, eve = await fill.user(), await fill.user(), await fill.user()
    standing: Standing = await fill.room(ann)
    await store.members.add(standing.room.id, bob.id)
    file_id = await upload(store, ann)
    await store.avatars.set(ann.id, file_id)
    (outcome,) = await store.messages.append(standing.room.id, [fill.draft(ann, attachment_ids=(file_id,))])
    assert isinstance(outcome, Stored)
    await store.avatars.set(ann.id, None)
    assert [await store.files.may_read(file_id, one.id) for one in (ann, bob, eve)] == [True, True, False]
    await store.messages.delete(outcome.message.id, actor=ADMIN)
    for later_ms in (2 * DAY_MS, 3 * DAY_MS):  # the description, then the bytes
        await store.sweep(clock.ms + later_ms)
    assert not await is_there(store, file_id)


@pytest.mark.gen_test
async def test_only_a_file_of_ones_own_can_be_the_picture(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    own, others = await upload(store, ann), await upload(store, bob)
    await store.avatars.set(ann.id, own)
    for file_id in (others, "none", "", "../chat.db", "$where"):
        with pytest.raises(Missing) as missing:
            await store.avatars.set(ann.id, file_id)
        assert missing.value.kind == "file"
    assert await avatar_of(store, ann) == f"/files/{own}"
    assert not await store.files.may_read(others, ann.id)
    for file_id in (own, None):
        with pytest.raises(Missing) as missing:
            await store.avatars.set("nobody", file_id)
        assert missing.value.kind == "user"


@pytest.mark.gen_test
async def test_a_deleted_account_has_no_picture_and_gets_none(
    store: Store, fill: StoreFiller, clock: HandClock
) -> None:
    ann, eve = await fill.user(), await fill.user()
    worn, late = await upload(store, ann), await upload(store, ann)
    await store.avatars.set(ann.id, worn)
    account = await store.users.account(ann.id)
    assert account is not None
    await store.ended_accounts.end(ann.id, before=account.password_hash)
    for file_id in (late, None):
        with pytest.raises(Missing) as missing:
            await store.avatars.set(ann.id, file_id)
        assert missing.value.kind == "user"
    await store.ended_accounts.erase(ann.id)
    assert await avatar_of(store, ann) is None
    assert not await store.files.may_read(late, eve.id)
    for later_ms in (0, DAY_MS):  # the descriptions, then the bytes
        await store.sweep(clock.ms + later_ms)
    assert [await is_there(store, file_id) for file_id in (worn, late)] == [False, False]


@pytest.mark.gen_test
async def test_of_pictures_set_at_once_one_holds_and_no_other_file_is_left(
    store: Store, fill: StoreFiller, clock: HandClock, open_again: Reopen
) -> None:
    ann, other = await fill.user(), await open_again()
    files = [await upload(store, ann) for _ in range(8)]
    await asyncio.gather(
        *((store, other)[number % 2].avatars.set(ann.id, file_id) for number, file_id in enumerate(files))
    )
    await store.sweep(clock.ms + UNDESCRIBED_KEEP_MS)
    url = await avatar_of(store, ann)
    assert url in {f"/files/{file_id}" for file_id in files}
    assert [file_id for file_id in files if await is_there(store, file_id)] == [str(url).removeprefix("/files/")]
