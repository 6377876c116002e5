"""Uploads in GridFS are written as they arrive, a chunk at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo.database import Database as RawDatabase

from store.blobs import PIECE_BYTES
from store.ids import make_id
from store.mongo import MongoStore

Raw = RawDatabase[dict[str, Any]]


@pytest.mark.gen_test
async def test_an_upload_is_written_while_it_comes_so_that_a_chunk_of_it_is_held_at_most(
    store: MongoStore, raw: Raw
) -> None:
    file_id, written = make_id("f"), []

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000
            written.append(raw["uploads.chunks"].count_documents({"files_id": file_id}) * PIECE_BYTES)

    assert (await store.files.write(file_id, pieces())).size == 2_000_000
    assert all(100_000 * number - stored < PIECE_BYTES for number, stored in enumerate(written, 1))


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
@pytest.mark.gen_test
async def test_what_is_stored_is_gridfs_for_any_other_program(store: MongoStore, raw: Raw, size: int) -> None:
    file_id = make_id("f")

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * size

    await store.files.write(file_id, pieces())
    described = raw["uploads.files"].find_one({"_id": file_id})
    assert described is not None
    assert (described["length"], described["chunkSize"], described["filename"]) == (size, PIECE_BYTES, file_id)
    sizes = [
        (chunk["n"], len(chunk["data"])) for chunk in raw["uploads.chunks"].find({"files_id": file_id}).sort("n", 1)
    ]
    assert sizes == [(n, min(PIECE_BYTES, size - n * PIECE_BYTES)) for n in range(-(-size // PIECE_BYTES))]
