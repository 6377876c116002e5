"""Four processes write to one store at once: every seq and rev is used once, without gaps."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from store.contract import Store
from tests.contract.backends import SHARED
from tests.contract.conftest import StoreFiller
from tests.support.mongo import find_real_mongod

LOAD = Path(__file__).with_name("concurrent_writer.py")
PROCESSES = 4
TOGETHER = [name for name in SHARED if not name.endswith("one-by-one")]


async def run(backend: str, location: Path, jobs: list[dict[str, object]]) -> list[list[str]]:
    """Distribute the jobs over four processes. Returns the words of each line that they printed."""

    async def one(share: list[dict[str, object]]) -> str:
        child = await asyncio.create_subprocess_exec(
            sys.executable, str(LOAD), backend, str(location), *map(json.dumps, share), stdout=PIPE, stderr=PIPE
        )
        try:
            said, complaint = await child.communicate()
        finally:
            if child.returncode is None:  # another process failed, so this one is ended
                child.kill()
                await child.communicate()
        if child.returncode != 0:
            raise AssertionError(complaint.decode())
        return said.decode()

    async with asyncio.TaskGroup() as children:
        tasks = [children.create_task(one(jobs[number::PROCESSES])) for number in range(PROCESSES)]
    return [line.split() for task in tasks for line in task.result().splitlines()]


def many(backend: str) -> int:
    """How many messages a process writes. The MongoDB stand-in scans a whole room for its head: a third of the messages
    takes it a tenth of the time.
    """
    return 20_000 if backend.startswith("sqlite") or find_real_mongod() else 6_000


# With few messages the four processes share one numbering. With many the WAL is checkpointed during the writes, and the
# head is far into the room.
@pytest.mark.parametrize("count", [1_000, pytest.param(None, marks=pytest.mark.slow, id="many")])
@pytest.mark.parametrize("backend", TOGETHER, indirect=True)
@pytest.mark.gen_test(timeout=600)
async def test_of_64_writers_in_4_rooms_each_message_has_its_own_seq_and_each_client_id_is_there_once(
    backend: str, store: Store, fill: StoreFiller, tmp_path: Path, count: int | None
) -> None:
    count, writers = count or many(backend), 64
    people = [await fill.user() for _ in range(writers)]
    rooms = [(await fill.room(people[0])).room.id for _ in range(4)]
    for room_id in rooms:
        await asyncio.gather(*(store.members.add(room_id, one.id) for one in people[1:]))
    jobs: list[dict[str, object]] = [
        {
            "write": rooms[number // PROCESSES % 4],
            "user": one.id,
            "count": count // writers + (number < count % writers),
        }
        for number, one in enumerate(people)
    ]
    acked = await run(backend, tmp_path / "data", jobs)
    acks = {(int(seq), user_id, client_id) for seq, user_id, client_id in acked}
    assert len(acks) == count
    assert len(acked) > count, "some were sent again"
    heads = await store.rooms.heads(rooms)
    assert sum(head.seq for head in heads.values()) == count
    kept = []
    for room_id in rooms:
        messages = await store.messages.newest_between(room_id, after=0, upto=count, limit=count)
        assert [message.seq for message in messages] == list(range(1, heads[room_id].seq + 1))
        kept += [(message.seq, message.user_id, message.client_id) for message in messages]
    assert set(kept) == acks
    assert len({(user_id, client_id) for _, user_id, client_id in kept}) == count


@pytest.mark.parametrize(("count", "among"), [(400, 10), pytest.param(2_000, 50, marks=pytest.mark.slow)])
@pytest.mark.parametrize("backend", TOGETHER, indirect=True)
@pytest.mark.gen_test
async def test_many_changes_at_once_to_few_messages_have_each_rev_once_and_leave_what_the_log_says(
    backend: str, store: Store, fill: StoreFiller, tmp_path: Path, count: int, among: int
) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    messages = await fill.say(room_id, ann, *map(str, range(among)))
    ids = [message.id for message in messages]
    people = await fill.members(room_id, 20)
    jobs: list[dict[str, object]] = [{"change": ids, "user": one.id, "count": count // 20} for one in people]
    acked = await run(backend, tmp_path / "data", jobs)
    assert len(acked) == count
    changes = (page := await store.changes.page(room_id, since=0, limit=500)).changes
    while page.has_more:
        changes += (page := await store.changes.page(room_id, since=changes[-1].rev, limit=500)).changes
    assert [change.rev for change in changes] == list(range(1, page.rev + 1))
    assert page.rev == max(int(rev) for rev, _ in acked)
    newest = {change.message.id: change.message for change in changes if change.message is not None}
    for message in (await store.messages.page(room_id, limit=50)).messages:
        assert message == newest.get(message.id, message)
    assert len(newest) == among
