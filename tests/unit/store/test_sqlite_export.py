"""Reading a whole database file out for a migration."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from monitor.hooks import Observer
from store import sqlite


@pytest.mark.gen_test
async def test_it_is_closed_while_a_read_that_nobody_waits_for_any_longer_goes_on(tmp_path: Path) -> None:
    store = await sqlite.open_store(tmp_path, timeout_s=5, group_commit=True, observer=Observer(), now_ms=lambda: 1_700_000_000_000)
    for number in range(50):
        await store.users.create(username=f"u{number}", email=f"{number}@example.com", password_hash="x")
    await store.close()
    for turns in range(100):
        source = sqlite.SqliteExport(tmp_path)
        reading = asyncio.ensure_future(source.batch("users", None, 50))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await source.close()
        await asyncio.gather(reading, return_exceptions=True)
