"""A slow operation on SQLite is logged by its name, without values, and still reported to the Observer."""

from __future__ import annotations

import logging

import pytest

from tests.unit.store.conftest import CountingObserver, Open, store_with_room


@pytest.mark.gen_test
async def test_a_slow_operation_is_logged_with_its_name_and_time_and_never_a_value(
    open_sqlite: Open, observer: CountingObserver, caplog: pytest.LogCaptureFixture
) -> None:
    room_store = await store_with_room(await open_sqlite(slow_ms=0.0))
    caplog.clear()
    with caplog.at_level(logging.WARNING, "store.sqlite.slow_operations"):
        await room_store.say("secret content")
        await room_store.store.rooms.stats(room_store.room_id)
    lines = [record.fields for record in caplog.records if record.getMessage() == "slow operation"]  # type: ignore[attr-defined]
    assert [line["operation"] for line in lines] == ["messages.append", "rooms.stats"]
    assert all(set(line) == {"operation", "ms"} and line["ms"] >= 0 for line in lines)
    assert observer.operations[-2:] == [("messages.append", None), ("rooms.stats", None)]
    assert observer.commits


@pytest.mark.gen_test
async def test_a_quick_operation_is_not_logged(open_sqlite: Open, caplog: pytest.LogCaptureFixture) -> None:
    room_store = await store_with_room(await open_sqlite(slow_ms=60_000.0))
    with caplog.at_level(logging.DEBUG, "store.sqlite.slow_operations"):
        await room_store.say("hello")
    assert not caplog.records
