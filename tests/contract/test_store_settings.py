"""A user's settings: merged atomically, bounded, apart from everybody else's."""

from __future__ import annotations

import asyncio

import pytest

from store.contract import Store
from store.errors import Missing, TooLarge
from store.models import SETTINGS_MAX_BYTES, SettingsChange
from tests.contract.conftest import Reopen, StoreFiller, on_each_backend


@pytest.mark.gen_test
async def test_who_chose_nothing_has_no_settings(store: Store, fill: StoreFiller) -> None:
    assert await store.settings.get((await fill.user()).id) == {}
    assert await store.settings.get("nobody") == {}


@pytest.mark.gen_test
async def test_a_patch_is_merged_and_the_change_has_both_sides(store: Store, fill: StoreFiller) -> None:
    ann, bob = await fill.user(), await fill.user()
    await store.settings.merge(ann.id, {"theme": "dark", "client": {"stars": ["r1"], "$where": {"a.b": 1}}})
    change = await store.settings.merge(ann.id, {"theme": None, "client": {"stars": None, "seen": True}})
    assert change == SettingsChange(
        {"theme": "dark", "client": {"stars": ["r1"], "$where": {"a.b": 1}}},
        {"client": {"$where": {"a.b": 1}, "seen": True}},
    )
    assert await store.settings.get(ann.id) == change.after
    assert await store.settings.get(bob.id) == {}


@pytest.mark.gen_test
async def test_a_value_comes_back_as_it_was_given(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    values = {"client": {"": [None, True, 1, 1.5, -0.0, 2**70, "ü😀\u2028", {"a": []}], "empty": {}}}
    await store.settings.merge(ann.id, values)
    assert repr(await store.settings.get(ann.id)) == repr(values)


@pytest.mark.gen_test
async def test_settings_past_their_bound_are_refused_and_leave_what_was(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    around = len('{"client":{"a":""}}')
    await store.settings.merge(ann.id, {"client": {"a": "é" * ((SETTINGS_MAX_BYTES - around) // 2)}})
    before = await store.settings.get(ann.id)
    with pytest.raises(TooLarge):
        await store.settings.merge(ann.id, {"theme": "dark"})
    assert await store.settings.get(ann.id) == before


@pytest.mark.gen_test
async def test_nobody_has_no_settings_to_change(store: Store) -> None:
    with pytest.raises(Missing):
        await store.settings.merge("nobody", {"theme": "dark"})


@on_each_backend
@pytest.mark.gen_test
async def test_of_patches_at_once_each_counts(store: Store, fill: StoreFiller, open_again: Reopen) -> None:
    ann = await fill.user()
    await asyncio.gather(*(store.settings.merge(ann.id, {"client": {str(number): number}}) for number in range(20)))
    assert await store.settings.get(ann.id) == {"client": {str(number): number for number in range(20)}}
