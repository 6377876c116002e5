"""Expired records are removed soon after a start, not only an hour later: some processes never run that long."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from tests.integration.conftest import Start, embedded
from tests.support.client import register
from tests.support.waiting import poll


def sessions(data_dir: Path) -> int:
    connection = apsw.Connection(str(data_dir / "chat.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        (count,) = next(connection.execute("SELECT count(*) FROM sessions"))
    finally:
        connection.close()
    return int(count)


@embedded
@pytest.mark.slow  # takes 5 to 20 s
def test_sessions_that_are_over_are_removed_soon_after_the_start(start: Start) -> None:
    server = start(JWT_REFRESH_EXPIRES_IN="1")
    for _ in range(3):
        register(server.url)
    assert sessions(server.data_dir) > 0
    poll(lambda: sessions(server.data_dir) == 0, 120)
