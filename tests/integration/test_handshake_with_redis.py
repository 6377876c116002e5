"""A handshake on a process with Redis whose caller the process has just read: nothing of it waits before the user's
events are subscribed to.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.conftest import JWT, until_redis_is_connected
from tests.support.client import chat, register
from tests.support.redis_server import RedisServer
from tests.support.server import serving


@pytest.mark.gen_test
async def test_who_has_just_asked_by_rest_connects_where_no_limit_asks_redis(
    tmp_path: Path, redis: RedisServer
) -> None:
    with serving(tmp_path / "data", {**JWT, **redis.env, "RATE_LIMIT_ENABLED": "false"}) as server:
        until_redis_is_connected(server)
        ada = register(server.url)
        assert ada.call("GET", "/auth/profile").status == 200
        async with chat(server.ws_url, ada) as connection:
            assert (await connection.command("heartbeat")).keys() == {"timestamp"}
