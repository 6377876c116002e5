"""A first `authenticate` that cannot be answered: an error, then 4401, and nothing of a login. Of a renewal the error is all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import JWT
from tests.support.client import Refused, call, chat, register
from tests.support.mongo import MongoServer
from tests.support.redis_server import RedisServer
from tests.support.server import serving
from tests.support.waiting import until


@pytest.fixture
def mongo(tmp_path: Path) -> Iterator[MongoServer]:
    server = MongoServer(tmp_path / "mongo", durable=False)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.mark.gen_test
async def test_whose_profile_cannot_be_read_is_refused_and_not_half_logged_in(
    tmp_path: Path, mongo: MongoServer, redis: RedisServer
) -> None:
    """The cache knows who it is; the address, which the answer has, would have to be read from a store that is away."""
    brief = {"STORE_TIMEOUT": "1000", "MONGO_SERVER_SELECTION_TIMEOUT": "1000", "REDIS_TIMEOUT": "5000"}
    with serving(tmp_path / "data", {"MONGO_URI": mongo.uri, **JWT, **redis.env, **brief}) as server:
        ada, bob = register(server.url), register(server.url)
        room = ada.make_room()["id"]
        bob.join(room)
        async with chat(server.ws_url, bob) as b:
            await b.command("joinRoom", roomId=room)
            async with chat(server.ws_url) as nobody, chat(server.ws_url, bob) as also_b:
                await nobody.one("welcome")
                await also_b.one("welcome")
                await also_b.command("authenticate", token=bob.access_token)
                assert ada.call("GET", "/auth/profile").status == 200  # it is all cached
                mongo.pause()
                await until(lambda: call(server.url, "GET", "/health/ready").status == 503)
                for one in (ada, bob):
                    assert redis.ask("DEL", f"chat:1:email:{one.id}") == b":1\r\n"
                with pytest.raises(Refused) as renewal:
                    await also_b.command("authenticate", token=bob.access_token)
                assert renewal.value.data["retryable"]
                with pytest.raises(Refused) as refused:
                    await nobody.command("authenticate", token=ada.access_token)
                assert refused.value.data["retryable"]
                assert await nobody.closed() == 4401
                assert redis.ask("EXISTS", f"chat:1:seats:{ada.id}") == b":0\r\n"
                presence = await b.command("getPresence", roomId=room)
                assert [one["userId"] for one in presence["online"]] == [bob.id]
                await also_b.command("heartbeat")
                mongo.resume()
            assert b.named("userJoined") == [], "who was refused never came"
            async with chat(server.ws_url) as again:
                assert (await again.command("authenticate", token=ada.access_token))["user"]["email"]
                assert (await b.one("userJoined"))["userId"] == ada.id
