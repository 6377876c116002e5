"""What becomes of the bytes of files whose description is removed."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store.blobs import folder_of
from store.ids import make_id
from store.models import UNDESCRIBED_KEEP_MS, UNPOSTED_KEEP_MS, FileDraft
from store.sqlite import SqliteStore, backup, restore
from tests.support.clock import HandClock
from tests.unit.store.conftest import Open, StoreWithRoom

CONTENT = b"content"


async def pieces() -> AsyncIterator[bytes]:
    yield CONTENT


async def upload(room_store: StoreWithRoom) -> str:
    files, file_id = room_store.store.files, make_id("f")
    written = await files.write(file_id, pieces())
    draft = FileDraft(file_id, room_store.ann.id, "a.txt", written.size, "text/plain", written.sha256, None, None)
    return (await files.create(draft)).id


def path_of(data_dir: Path, file_id: str) -> Path:
    return data_dir / "files" / folder_of(file_id) / file_id


async def content_of(store: SqliteStore, file_id: str) -> bytes:
    return b"".join([piece async for piece in store.files.read(file_id)])


@pytest.mark.gen_test
async def test_a_file_that_cannot_be_removed_keeps_no_other_waiting(
    room_store: StoreWithRoom, data_dir: Path, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    stuck, others = await upload(room_store), [await upload(room_store) for _ in range(3)]
    path = path_of(data_dir, stuck)
    path.unlink()
    path.mkdir()  # which no user may unlink
    clock.ms += UNPOSTED_KEEP_MS
    await room_store.store.sweep(clock.ms)
    clock.ms += UNDESCRIBED_KEEP_MS
    with caplog.at_level(logging.WARNING, "store"):
        await room_store.store.sweep(clock.ms)
    assert [path_of(data_dir, file_id).exists() for file_id in others] == [False] * 3
    (record,) = caplog.records
    assert stuck in record.getMessage()
    path.rmdir()
    path.write_bytes(CONTENT)
    clock.ms += UNDESCRIBED_KEEP_MS
    await room_store.store.sweep(clock.ms)
    assert not path.exists()


@pytest.mark.gen_test
async def test_a_backup_has_the_picture_that_was_replaced_after_it_copied_the_database(
    room_store: StoreWithRoom, open_sqlite: Open, data_dir: Path, tmp_path: Path
) -> None:
    store, ann = room_store.store, room_store.ann
    first, second = await upload(room_store), await upload(room_store)
    await store.avatars.set(ann.id, first)
    is_copied, is_replaced = threading.Event(), threading.Event()

    def report(what: str, done: int, total: int) -> None:
        is_copied.set()
        assert is_replaced.wait(30)

    file = tmp_path / "backup"
    backing_up = asyncio.ensure_future(asyncio.to_thread(backup, data_dir, file, report=report))
    assert await asyncio.to_thread(is_copied.wait, 30)
    await store.avatars.set(ann.id, second)
    is_replaced.set()
    await backing_up
    restore(file, tmp_path / "restored")
    restored = await open_sqlite(tmp_path / "restored")
    found = await restored.users.get(ann.id)
    assert found is not None
    assert found.avatar_url == f"/files/{first}"
    assert await content_of(restored, first) == CONTENT
