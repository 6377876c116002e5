"""The driver's commands are counted by collection and kind, and a slow one is logged with its shape only."""

from __future__ import annotations

import asyncio
import logging

import pytest
from pymongo import monitoring
from pymongo.errors import AutoReconnect

from monitor.observer import Observer
from store.errors import StoreUnavailable
from store.mongo import MongoOptions
from store.mongo.driver_monitoring import PoolMonitor, collection_of, shape_of
from tests.contract.conftest import StoreFiller
from tests.support.actors import ADMIN
from tests.unit.store.mongo.conftest import Open


class CountingObserver(Observer):
    """Records what the driver's listeners report."""

    __slots__ = ("checkouts", "commands", "operations", "servers")

    def __init__(self) -> None:
        self.commands: list[tuple[str, str, str | None]] = []
        self.checkouts: list[str | None] = []
        self.servers: list[str] = []
        self.operations: list[tuple[str, str | None]] = []

    def store_operation(self, name: str, seconds: float, failure: str | None = None) -> None:
        self.operations.append((name, failure))

    def database_command(self, collection: str, kind: str, seconds: float, failure: str | None) -> None:
        assert seconds >= 0
        self.commands.append((collection, kind, failure))

    def database_checkout(self, seconds: float, failure: str | None) -> None:
        assert seconds >= 0
        self.checkouts.append(failure)

    def database_server(self, state: str) -> None:
        self.servers.append(state)


@pytest.mark.gen_test
async def test_commands_are_counted_by_collection_and_kind(open_mongo: Open) -> None:
    tally = CountingObserver()
    fill = StoreFiller(await open_mongo(observer=tally))
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    tally.commands.clear()
    tally.checkouts.clear()
    await fill.say(room_id, ann, "hi")
    assert sorted(tally.commands) == [
        ("members", "update", None),
        ("messages", "find", None),
        ("messages", "insert", None),
        ("rooms", "aggregate", None),
    ]
    assert tally.checkouts == [None] * 4
    await fill.say(room_id, ann, "again")
    assert tally.commands[4:] == [
        ("rooms", "aggregate", None),
        ("messages", "insert", None),
        ("members", "update", None),
    ]
    assert tally.operations[-1] == ("messages.append", None)
    assert tally.servers == ["writable"]


@pytest.mark.gen_test
async def test_what_the_server_refuses_is_counted_by_its_own_name_for_it(open_mongo: Open) -> None:
    tally = CountingObserver()
    store = await open_mongo(observer=tally)
    tally.commands.clear()
    with pytest.raises(Exception, match="nonsense"):
        await store._database.raw.command("nonsense")
    assert tally.commands == [("-", "nonsense", "CommandNotFound")]


@pytest.mark.gen_test
async def test_a_slow_command_is_logged_with_its_shape_and_never_its_values(
    open_mongo: Open, caplog: pytest.LogCaptureFixture
) -> None:
    fill = StoreFiller(await open_mongo(slow_ms=0.0))
    with caplog.at_level(logging.WARNING, "store.mongo.driver_monitoring"):
        ann = await fill.user("ann.secret")
        room_id = (await fill.room(ann, name="secret room")).room.id
        (message,) = await fill.say(room_id, ann, "secret content")
        await fill.store.messages.by_client_id(room_id, ann.id, message.client_id)
        await fill.store.messages.edit(message.id, "secret edit", actor=ADMIN)
        await fill.store.rooms.list_for(ann.id, mine=False, query="secret", limit=5, after=None)
    slow = [record for record in caplog.records if record.getMessage() == "slow query"]
    lines = [record.fields for record in slow]  # type: ignore[attr-defined]
    shapes = {(line["collection"], line["kind"], line["shape"]) for line in lines}
    assert ("messages", "find", "{filter: {roomId: ?, userId: ?, clientId: ?}, limit: ?}") in shapes
    assert all(line["ms"] >= 0 for line in lines)
    for secret in ("secret", ann.id, room_id, message.client_id):
        assert secret not in str(lines)


@pytest.mark.gen_test
async def test_a_quick_command_is_not_logged(open_mongo: Open, caplog: pytest.LogCaptureFixture) -> None:
    fill = StoreFiller(await open_mongo(slow_ms=60_000.0))
    with caplog.at_level(logging.DEBUG, "store.mongo.driver_monitoring"):
        await fill.user()
    assert not [record for record in caplog.records if record.getMessage() == "slow query"]


@pytest.mark.gen_test
async def test_the_inspection_shows_the_pool_and_what_waits_for_it(open_mongo: Open, options: MongoOptions) -> None:
    small = MongoOptions(uri=options.uri, db_name=options.db_name, max_pool_size=2, min_pool_size=0)
    store = await open_mongo(options=small)
    idle = await store.inspect()
    assert (idle.pool.in_use, idle.pool.waiting, idle.pool.limit, idle.pending_writes) == (0, 0, 2, 0)
    assert idle.latency_ms > 0
    work = asyncio.gather(*(store.users.get("nobody") for _ in range(200)))
    await asyncio.sleep(0)  # lets them begin
    most_waiting = 0
    while not work.done():
        assert store.pool.in_use <= 2
        most_waiting = max(most_waiting, store.pool.waiting)
        await asyncio.sleep(0.001)  # the looks' pace: without any, the driver's threads would not get on
    assert most_waiting > 100
    after = await store.inspect()
    assert (after.pool.in_use, after.pool.waiting) == (0, 0)


@pytest.mark.gen_test
async def test_who_waits_for_a_rooms_turn_does_not_wait_for_a_connection(open_mongo: Open) -> None:
    store = await open_mongo()
    fill = StoreFiller(store)
    people = [await fill.user() for _ in range(60)]
    room_id = (await fill.room(people[0])).room.id
    joining = asyncio.gather(*(store.members.add(room_id, one.id) for one in people))
    await asyncio.sleep(0)
    most_pending, most_waiting = store._database.pending, 0
    while not joining.done():
        most_pending = max(most_pending, store._database.pending)
        most_waiting = max(most_waiting, store.pool.waiting)
        await asyncio.sleep(0.001)  # the looks' pace
    assert most_pending == 60
    assert most_waiting <= store.pool.limit


def test_a_checkout_waits_until_it_ends_one_way_or_the_other() -> None:
    tally = CountingObserver()
    watch = PoolMonitor(observer=tally)
    address = ("localhost", 27017)
    for ends in (
        lambda: watch.connection_checked_out(monitoring.ConnectionCheckedOutEvent(address, 1, 0.0)),
        lambda: watch.connection_check_out_failed(monitoring.ConnectionCheckOutFailedEvent(address, "timeout", 0.0)),
    ):
        watch.connection_check_out_started(monitoring.ConnectionCheckOutStartedEvent(address))
        assert watch.waiting == 1
        ends()
        assert watch.waiting == 0
    assert tally.checkouts == [None, "timeout"]


@pytest.mark.gen_test
async def test_past_its_bound_an_operation_is_refused_at_once(open_mongo: Open) -> None:
    tally = CountingObserver()
    store = await open_mongo(observer=tally)
    store._database.pending_max = 10
    outcomes = await asyncio.gather(*(store.users.get("nobody") for _ in range(15)), return_exceptions=True)
    assert [str(one) for one in outcomes if isinstance(one, StoreUnavailable)] == ["stalled"] * 5
    assert tally.operations.count(("users.get", "stalled")) == 5


@pytest.mark.gen_test
async def test_a_background_task_of_the_driver_that_meets_no_server_leaves_no_traceback_and_a_defect_does(
    open_mongo: Open, caplog: pytest.LogCaptureFixture
) -> None:
    await open_mongo()
    await open_mongo()
    driver = logging.getLogger("pymongo.client")
    for error in (AutoReconnect("timed out"), RuntimeError("a defect")):
        try:
            raise error
        except Exception:
            driver.exception("MongoClient background task encountered an error")
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["a defect"]  # type: ignore[index]


def test_a_shape_has_the_fields_and_operators_and_nothing_else() -> None:
    command = {
        "aggregate": "messages",
        "pipeline": [{"$match": {"roomId": "r1", "seq": {"$in": [1, 2, 3]}}}, {"$sort": {"seq": -1}}],
        "lsid": {"id": b"secret"},
    }
    assert shape_of(command) == "{pipeline: [{$match: {roomId: ?, seq: {$in: [?]}}}, {$sort: {seq: ?}}]}"
    assert shape_of({"insert": "messages", "documents": [{"content": "secret"}]}) == "{}"
    assert len(shape_of({"filter": {f"field{number}": 1 for number in range(1000)}})) == 500
    assert collection_of("find", {"find": "users"}) == "users"
    assert collection_of("getMore", {"getMore": 12, "collection": "users"}) == "users"
    assert collection_of("ping", {"ping": 1}) == "-"
