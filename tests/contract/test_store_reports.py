"""Reports: a message that somebody told the moderators of, as it was then."""

from __future__ import annotations

import asyncio

import pytest

from common.rfc3339 import rfc3339
from store import room_rules
from store.contract import Store
from store.errors import Refused
from store.models import Refusal, Report
from tests.contract.conftest import Reopen, StoreFiller, on_each_backend
from tests.contract.moderated_room import MakeRoom, by
from tests.support.clock import START_MS, HandClock

DAY_MS = 24 * 3600 * 1000


@pytest.mark.gen_test
async def test_a_report_keeps_the_message_as_it_was(
    store: Store, fill: StoreFiller, open_again: Reopen, make_room: MakeRoom
) -> None:
    room = await make_room()
    (message,) = await fill.say(room.id, room.owner, "rude wörds")
    assert await store.reports.add(message, room.member.id, "it is rude")
    await store.messages.delete(message.id, actor=by(room.owner))
    expected = [Report(message, room.member.id, "it is rude", rfc3339(START_MS))]
    assert await store.reports.page(room.id, limit=9, after=None) == (expected, None)
    assert await (await open_again()).reports.page(room.id, limit=9, after=None) == (expected, None)
    assert await store.reports.page("none", limit=9, after=None) == ([], None)
    assert await room.rev() == 3  # of the deletion alone


@on_each_backend
@pytest.mark.gen_test
async def test_a_person_reports_a_message_once_also_under_a_race(
    store: Store, fill: StoreFiller, make_room: MakeRoom
) -> None:
    room = await make_room()
    first, second = await fill.say(room.id, room.owner, "one", "two")
    made = await asyncio.gather(*(store.reports.add(first, room.member.id, f"reason {n}") for n in range(4)))
    assert sorted(made) == [False, False, False, True]
    assert not await store.reports.add(first, room.member.id, "again")
    assert await store.reports.add(first, room.moderator.id, "me too")
    assert await store.reports.add(second, room.member.id, "this one too")
    assert len((await store.reports.page(room.id, limit=9, after=None))[0]) == 3


@pytest.mark.gen_test
async def test_reports_are_listed_the_newest_first_and_last_ninety_days(
    store: Store, fill: StoreFiller, clock: HandClock, make_room: MakeRoom
) -> None:
    room = await make_room()
    messages = await fill.say(room.id, room.owner, *"abcde")
    for message in messages:
        await store.reports.add(message, room.member.id, "why")
        clock.ms += 1
    seen: list[str | None] = []
    after = None
    for _ in range(3):
        found, after = await store.reports.page(room.id, limit=2, after=after)
        seen += [report.message.content for report in found]
    assert (seen, after) == (list("edcba"), None)
    for bad in ("*", "%%%", "abc="):
        with pytest.raises(ValueError, match="cursor"):
            await store.reports.page(room.id, limit=2, after=bad)
    await store.sweep(START_MS + 2 + 90 * DAY_MS)
    left = (await store.reports.page(room.id, limit=9, after=None))[0]
    assert [report.message.content for report in left] == ["e", "d"]


@pytest.mark.gen_test
async def test_the_reports_of_a_room_and_of_one_person_in_it_are_bounded(
    store: Store, fill: StoreFiller, make_room: MakeRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_rules, "REPORTS_MAX", 3)
    monkeypatch.setattr(room_rules, "REPORTS_OF_ONE_MAX", 2)
    room = await make_room()
    messages = await fill.say(room.id, room.owner, "a", "b", "c")
    for message in messages[:2]:
        assert await store.reports.add(message, room.member.id, "why")
    with pytest.raises(Refused) as refused:
        await store.reports.add(messages[2], room.member.id, "why")
    assert refused.value.refusal is Refusal.CONFLICT
    assert not await store.reports.add(messages[0], room.member.id, "once more")
    assert await store.reports.add(messages[2], room.moderator.id, "why")
    with pytest.raises(Refused):
        await store.reports.add(messages[0], room.moderator.id, "why")
