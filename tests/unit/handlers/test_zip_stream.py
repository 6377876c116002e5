from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncGenerator

import pytest

from chat.data_export import ExportedFile
from handlers.zip_stream import zip_stream

PIECE = bytes(range(256)) * 128


async def pieces(count: int, ended: list[str] | None = None) -> AsyncGenerator[bytes, None]:
    try:
        for _ in range(count):
            yield PIECE
    finally:
        if ended is not None:
            ended.append("pieces")


async def files(*counts: int, ended: list[str] | None = None) -> AsyncGenerator[ExportedFile, None]:
    try:
        for number, count in enumerate(counts):
            yield ExportedFile(f"{number}.bin", pieces(count, ended), is_large=bool(number % 2))
    finally:
        if ended is not None:
            ended.append("files")


@pytest.mark.gen_test
async def test_the_pieces_are_an_archive_of_all_files() -> None:
    whole = b"".join([piece async for piece in zip_stream(files(0, 3, 100))])
    archive = zipfile.ZipFile(io.BytesIO(whole))
    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == {
        "0.bin": b"",
        "1.bin": PIECE * 3,
        "2.bin": PIECE * 100,
    }


@pytest.mark.gen_test
async def test_no_more_is_held_back_than_a_piece_and_what_the_packer_holds() -> None:
    sizes = [len(piece) async for piece in zip_stream(files(5000))]
    assert len(sizes) > 5000
    assert max(sizes) < 3 * len(PIECE)


@pytest.mark.gen_test
async def test_what_nobody_reads_on_is_given_up() -> None:
    ended: list[str] = []
    archive = zip_stream(files(5, 5, ended=ended))
    await anext(archive)
    await archive.aclose()
    assert ended == ["pieces", "files"]
