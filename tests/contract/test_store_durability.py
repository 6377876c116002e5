from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from store.contract import Store
from store.errors import StoreUnavailable
from store.models import Stored
from tests.contract.backends import SHARED
from tests.contract.conftest import Reopen, StoreFiller, on_each_backend

CHILD = Path(__file__).with_name("writing_process.py")


async def start_child(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, str(CHILD), *arguments, stdout=asyncio.subprocess.PIPE)


async def read_acks(child: asyncio.subprocess.Process, count: int) -> list[tuple[int, str, str]]:
    """Read the first `count` acks, kill the child, and return all acks that it printed."""
    assert child.stdout is not None
    lines = [await child.stdout.readline() for _ in range(count)]
    child.kill()
    lines += (await child.stdout.read()).splitlines()
    await child.wait()
    return [(int(seq), user_id, client_id) for seq, user_id, client_id in (line.decode().split() for line in lines)]


@on_each_backend
@pytest.mark.gen_test
async def test_what_was_acked_before_a_kill_is_there_and_seq_has_no_hole(
    backend: str, store: Store, fill: StoreFiller, open_again: Reopen, tmp_path: Path
) -> None:
    people = [await fill.user() for _ in range(8)]
    room_id = (await fill.room(people[0])).room.id
    for one in people[1:]:
        await store.members.add(room_id, one.id)
    await store.close()
    arguments = (backend, str(tmp_path / "data"), room_id, *(one.id for one in people))
    acks = [ack for count in (200, 300) for ack in await read_acks(await start_child(*arguments), count)]
    assert len(acks) >= 500
    reopened = await open_again()
    head = (await reopened.rooms.heads([room_id]))[room_id].seq
    messages = await reopened.messages.newest_between(room_id, after=0, upto=head, limit=1_000_000)
    assert [message.seq for message in messages] == list(range(1, head + 1))
    kept = {(message.seq, message.user_id, message.client_id) for message in messages}
    assert set(acks) <= kept


@pytest.mark.parametrize("backend", SHARED, indirect=True)
@pytest.mark.gen_test
async def test_two_processes_on_one_store_share_one_seq(
    backend: str, store: Store, fill: StoreFiller, open_again: Reopen, tmp_path: Path
) -> None:
    people = [await fill.user() for _ in range(4)]
    room_id = (await fill.room(people[0])).room.id
    for one in people[1:]:
        await store.members.add(room_id, one.id)
    children = [
        await start_child(backend, str(tmp_path / "data"), room_id, *(one.id for one in people)) for _ in range(2)
    ]
    parts = await asyncio.gather(*(read_acks(child, 200) for child in children))
    assert all(len(part) >= 200 for part in parts)
    acks = [ack for part in parts for ack in part]
    assert len({seq for seq, _, _ in acks}) == len(acks)
    head = (await store.rooms.heads([room_id]))[room_id].seq
    messages = await store.messages.newest_between(room_id, after=0, upto=head, limit=1_000_000)
    assert [message.seq for message in messages] == list(range(1, head + 1))
    assert set(acks) <= {(message.seq, message.user_id, message.client_id) for message in messages}


@pytest.mark.gen_test
async def test_ping_proves_that_the_store_can_be_used(store: Store) -> None:
    await store.ping()
    assert store.name
    assert 0 == store.pending_writes < store.pending_writes_max


@pytest.mark.gen_test
async def test_the_pool_tells_without_being_asked_who_reads_and_who_waits(store: Store, fill: StoreFiller) -> None:
    ann = await fill.user()
    limit = store.pool.limit
    assert 0 < limit < 100
    reads = [asyncio.ensure_future(store.users.get(ann.id)) for _ in range(3 * limit)]
    seen = store.pool
    while not seen.in_use + seen.waiting:
        await asyncio.sleep(0)  # lets them be accepted
        seen = store.pool
    assert seen.in_use <= limit
    await asyncio.gather(*reads)
    assert store.pool.waiting == 0


@on_each_backend
@pytest.mark.gen_test
async def test_closing_settles_what_was_accepted_and_refuses_what_comes_later(
    store: Store, fill: StoreFiller, open_again: Reopen
) -> None:
    ann = await fill.user()
    room_id = (await fill.room(ann)).room.id
    writes = [asyncio.ensure_future(store.messages.append(room_id, [fill.draft(ann)])) for _ in range(20)]
    await asyncio.sleep(0)  # lets them be accepted
    assert store.pending_writes == 20
    await store.close()
    await store.close()
    assert sorted(
        outcome.message.seq for (outcome,) in await asyncio.gather(*writes) if isinstance(outcome, Stored)
    ) == list(range(1, 21))
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.messages.append(room_id, [fill.draft(ann)])
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.rooms.get(room_id)
    reopened = await open_again()
    assert (await reopened.rooms.heads([room_id]))[room_id].seq == 20
