from __future__ import annotations

import pytest

from store.contract import Store
from store.models import Change, ChangePage
from tests.contract.conftest import Filled


@pytest.mark.gen_test
async def test_joins_and_leaves_are_entries_in_order(store: Store, fill: Filled) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    for _ in range(3):
        guest = await fill.user()
        await store.members.add(room_id, guest.id)
        await store.members.remove(room_id, guest.id)

    first = await store.changes.page(room_id, since=0, limit=4)
    assert first == ChangePage(tuple(Change(rev, None) for rev in (1, 2, 3, 4)), rev=6, has_more=True, expired=False)
    rest = await store.changes.page(room_id, since=4, limit=4)
    assert rest == ChangePage(tuple(Change(rev, None) for rev in (5, 6)), rev=6, has_more=False, expired=False)
    assert await store.changes.page(room_id, since=6, limit=4) == ChangePage((), rev=6, has_more=False, expired=False)


@pytest.mark.gen_test
async def test_a_rev_from_the_future_gets_nothing_and_is_not_expired(store: Store, fill: Filled) -> None:
    room_id = (await fill.room(await fill.user())).room.id
    assert await store.changes.page(room_id, since=9, limit=4) == ChangePage((), rev=0, has_more=False, expired=False)
    latest = await store.changes.latest_between(room_id, since=9, upto=12, limit=4)
    assert latest == ChangePage((), rev=0, has_more=False, expired=False)


@pytest.mark.gen_test
async def test_membership_is_left_out_of_what_changed_last(store: Store, fill: Filled) -> None:
    room_id = (await fill.room(await fill.user())).room.id
    await store.members.add(room_id, (await fill.user()).id)
    latest = await store.changes.latest_between(room_id, since=0, upto=1, limit=4)
    assert latest == ChangePage((), rev=1, has_more=False, expired=False)
