"""Files on the disk: what a full disk, and files that cannot be removed, mean for the others."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tornado.ioloop import IOLoop

from store.blobs import PROVISIONAL_KEEP_S, PROVISIONAL_SUFFIX, DiskBlobs
from store.errors import StoreUnavailable
from tests.support.small_disk import fill, small_disk

NOW_S = 2_000_000_000.0


@pytest.fixture
def blobs(tmp_path: Path, io_loop: IOLoop) -> Iterator[DiskBlobs]:
    made = DiskBlobs(tmp_path)
    yield made
    io_loop.run_sync(made.close)


def age(path: Path) -> Path:
    os.utime(path, times=(NOW_S - PROVISIONAL_KEEP_S - 1, NOW_S - PROVISIONAL_KEEP_S - 1))
    return path


def make_undeletable(folder: Path, name: str) -> Path:
    """Make something that unlink cannot remove, even for root: a folder. It stands for another user's file in a sticky
    folder.
    """
    path = folder / f"{name}{PROVISIONAL_SUFFIX}"
    path.mkdir(parents=True)
    return age(path)


def make_old(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}{PROVISIONAL_SUFFIX}"
    path.touch()
    return age(path)


@pytest.mark.gen_test
async def test_what_cannot_be_removed_is_passed_over_and_told_once(
    blobs: DiskBlobs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = [make_undeletable(tmp_path / folder, "stuck") for folder in ("00", "77", "ff")]
    old = [make_old(tmp_path / folder, f"old{number}") for number, folder in enumerate(("00", "33", "77", "bb", "ff"))]
    with caplog.at_level(logging.INFO, "store"):
        assert await blobs.sweep(NOW_S) == len(old)
        assert await blobs.sweep(NOW_S) == 0
    assert [path.exists() for path in (*old, *stuck)] == [False] * len(old) + [True] * len(stuck)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("store: 3 uploads that broke off cannot be removed, the first: ")
    assert str(tmp_path) in line
    caplog.clear()
    for path in stuck:
        path.rmdir()
    assert await blobs.sweep(NOW_S) == 0
    make_undeletable(tmp_path / "00", "stuck")
    assert await blobs.sweep(NOW_S) == 0
    assert len(caplog.records) == 1, "that it is so again is told again"


@pytest.mark.gen_test
async def test_a_disk_that_is_full_for_the_last_bytes_of_a_file_is_told_as_such(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield bytes(5000)  # fewer than the file's buffer holds: they meet the disk when it is flushed

    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        blobs = DiskBlobs(disk / "files")
        try:
            await blobs.write("first", pieces())
            fill(disk / "filling", leaving=4096)
            with pytest.raises(StoreUnavailable):
                await blobs.write("second", pieces())
        finally:
            await blobs.close()
        assert [path.name for path in disk.rglob("first*")] == [f"first{PROVISIONAL_SUFFIX}"]
        assert not list(disk.rglob("second*"))
