"""Uploads and downloads that go wrong half way: on the network, or on this side's disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from client.errors import ConnectionLost
from client.files import download, upload
from client.rest import Rest
from client.session import Session, Tokens
from tests.support.server import free_port
from tests.unit.client.test_http_request import OK, replying

WITHIN_S = 60.0


def session_at(url: str) -> tuple[Rest, Session]:
    rest = Rest(url)
    return rest, Session(Tokens("token"), rest=rest)


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "work",
    [lambda *at: upload(*at, b"bytes", None), lambda *at: download(*at, "id", None)],
    ids=["upload", "download"],
)
async def test_a_server_that_is_not_there_is_a_lost_connection(work: Callable[..., Awaitable[object]]) -> None:
    with pytest.raises(ConnectionLost):
        await work(*session_at(f"http://127.0.0.1:{free_port()}"))


@pytest.mark.gen_test
async def test_a_download_that_is_cut_is_a_lost_connection(tmp_path: Path) -> None:
    async with replying(OK + b"Content-Length: 9\r\n\r\n", b"half") as (url, _):
        with pytest.raises(ConnectionLost):
            await download(*session_at(url), "id", tmp_path / "copy")


@pytest.mark.gen_test
async def test_where_a_download_cannot_be_written_the_disk_s_error_is_raised(tmp_path: Path) -> None:
    async with replying(OK + b"Content-Length: 4\r\n\r\n", b"full") as (url, _):
        with pytest.raises(IsADirectoryError):
            await download(*session_at(url), "id", tmp_path)


@pytest.mark.gen_test
async def test_what_cannot_be_read_ends_an_upload_whose_server_waits_for_it(tmp_path: Path) -> None:
    async with replying(closes=False) as (url, _), asyncio.timeout(WITHIN_S):
        with pytest.raises(IsADirectoryError):
            await upload(*session_at(url), tmp_path, None)


@pytest.mark.gen_test
async def test_a_file_that_grows_while_it_is_read_ends_an_upload() -> None:
    async with replying(closes=False) as (url, _), asyncio.timeout(WITHIN_S):
        with pytest.raises(OSError, match="changed its size"):
            await upload(*session_at(url), "/proc/self/status", None)  # which says 0 bytes
