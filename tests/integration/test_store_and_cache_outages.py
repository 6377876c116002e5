"""A store or a cache that is away: no client is left half logged in, and many concurrent reads of one value are one
read of the store.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pymongo
import pytest
from pymongo.errors import PyMongoError

from cluster.events import AccountEnded, CacheInvalidated, UserEvent
from cluster.topics import CACHE, EVERYONE, user_topic
from tests.integration.conftest import JWT
from tests.support.bus_events import publish
from tests.support.client import ChatConnection, CommandRefused, call, chat, register
from tests.support.mongo import MongoServer
from tests.support.redis_server import RedisServer
from tests.support.server import ServerProcess, serving
from tests.support.waiting import until


@pytest.fixture(scope="module")
def shared_mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    server = MongoServer(tmp_path_factory.mktemp("mongo"), durable=False)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def mongo(shared_mongo: MongoServer) -> Iterator[MongoServer]:
    """The module's MongoDB server, which runs again after each test."""
    yield shared_mongo
    shared_mongo.resume()


def database_env(mongo: MongoServer, folder: Path) -> dict[str, str]:
    """The variables of a test's database."""
    return {"MONGO_URI": mongo.uri, "MONGO_DB_NAME": folder.name[:60]}


def answers_ping(mongo: MongoServer) -> bool:
    """Whether it answers a ping within 0.2 s: SIGSTOP takes a moment to have effect."""
    soon = {"serverSelectionTimeoutMS": 200, "socketTimeoutMS": 200, "connectTimeoutMS": 200}
    with pymongo.MongoClient[dict[str, object]](mongo.uri, **soon) as client:
        try:
            client.admin.command("ping")
        except PyMongoError:
            return False
    return True


async def heard_by(connection: ChatConnection, user_id: str, redis: RedisServer) -> None:
    """Wait until the user's process has handled what was published to it so far."""
    about = {"rooms": [{"roomId": secrets.token_hex(4), "lastSeq": 1}]}
    event = msgspec.json.encode({"event": "roomActivity", "data": about})
    publish(redis, user_topic(user_id), UserEvent(user_id, event))
    await connection.until(lambda: about in connection.named("roomActivity"))


@pytest.mark.gen_test
async def test_a_first_authenticate_whose_profile_cannot_be_read_is_an_error_then_4401_and_no_login(
    tmp_path: Path, mongo: MongoServer, redis: RedisServer
) -> None:
    """The cache knows who it is; the address, which the answer has, would have to be read from a store that is away."""
    brief = {"STORE_TIMEOUT": "4000", "MONGO_SERVER_SELECTION_TIMEOUT": "4000", "REDIS_TIMEOUT": "5000"}
    with serving(tmp_path / "data", {**database_env(mongo, tmp_path), **JWT, **redis.env, **brief}) as server:
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
                await until(lambda: not answers_ping(mongo))
                for one in (ada, bob):
                    assert redis.ask("DEL", f"chat:1:email:{one.id}") == b":1\r\n"
                publish(redis, CACHE, CacheInvalidated((f"chat:1:email:{ada.id}", f"chat:1:email:{bob.id}")))
                await heard_by(b, bob.id, redis)
                with pytest.raises(CommandRefused) as refused:
                    await nobody.command("authenticate", token=ada.access_token)
                assert refused.value.data["retryable"]
                assert await nobody.closed() == 4401
                assert redis.ask("EXISTS", f"chat:1:seats:{ada.id}") == b":0\r\n"
                with pytest.raises(CommandRefused) as renewal:
                    await also_b.command("authenticate", token=bob.access_token)
                assert renewal.value.data["retryable"]
                await also_b.command("heartbeat")
                mongo.resume()
            await until(lambda: answers_ping(mongo))
            presence = await b.command("getPresence", roomId=room)
            assert [one["userId"] for one in presence["online"]] == [bob.id]
            assert b.named("userJoined") == [], "who was refused never came"
            async with chat(server.ws_url) as again:
                assert (await again.command("authenticate", token=ada.access_token))["user"]["email"]
                assert (await b.one("userJoined"))["userId"] == ada.id


@asynccontextmanager
async def hundred_requests(server: ServerProcess, request: str) -> AsyncIterator[list[bytes]]:
    """Send a request on a hundred connections at once. The list has all replies after the block."""
    answers: list[bytes] = []
    connections = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(100)]
    try:
        for _, writer in connections:
            writer.write(request.encode())
        yield answers
        answers += await asyncio.wait_for(asyncio.gather(*[reader.read() for reader, _ in connections]), 60)
    finally:
        for _, writer in connections:
            writer.close()


@pytest.mark.gen_test
async def test_a_hundred_who_read_one_page_while_redis_is_away_read_it_once(
    tmp_path: Path, mongo: MongoServer, redis: RedisServer
) -> None:
    with serving(
        tmp_path / "data", {**database_env(mongo, tmp_path), **JWT, **redis.env, "STORE_TIMEOUT": "60000"}
    ) as server:
        ada = register(server.url)
        room = ada.make_room()["id"]
        ada.post(room, "hello")

        def reads() -> dict[str, int]:
            operations = call(server.url, "GET", "/metrics/database").json["operations"]
            names = ("sessions.get", "users.get", "rooms.get", "messages.page")
            return {name: operations.get(name, {"count": 0})["count"] for name in names}

        def asked() -> int:
            kinds = call(server.url, "GET", "/metrics/cache").json["kinds"]
            errors: int = kinds.get("session", {"errors": 0})["errors"]
            return errors

        redis.stop()
        await until(lambda: call(server.url, "GET", "/health/cache").status == 503)
        assert ada.call("GET", "/messages", roomId=room).status == 200
        before, asked_before = reads(), asked()
        mongo.pause()
        headers = f"Host: 127.0.0.1\r\nAuthorization: Bearer {ada.access_token}\r\nConnection: close"
        request = f"GET /messages?roomId={room} HTTP/1.1\r\n{headers}\r\n\r\n"
        async with hundred_requests(server, request) as answers:
            await until(lambda: asked() == asked_before + 100)  # all of them wait for the paused store
            mongo.resume()
        assert all(answer.startswith(b"HTTP/1.1 200 ") and b'"hello"' in answer for answer in answers)
        more = {name: count - before[name] for name, count in reads().items()}
        # some may have come when a load was too old to be shared
        assert all(1 <= count <= 5 for count in more.values()), more


@pytest.mark.gen_test
async def test_a_hundred_who_find_a_cached_page_behind_its_room_read_the_page_once(
    tmp_path: Path, mongo: MongoServer, redis: RedisServer
) -> None:
    """As where whoever wrote has not told the cache yet, or died before. The hub has no page."""
    env = {**database_env(mongo, tmp_path), **JWT, **redis.env, "STORE_TIMEOUT": "60000", "REDIS_TIMEOUT": "5000"}
    with serving(tmp_path / "data", env) as server:
        ada = register(server.url)
        room = ada.make_room()["id"]
        ada.post(room, "hello")

        def page_reads() -> int:
            count: int = call(server.url, "GET", "/metrics/database").json["operations"]["messages.page"]["count"]
            return count

        def hits() -> int:
            hits: int = call(server.url, "GET", "/metrics/cache").json["kinds"]["session"]["hits"]
            return hits

        async with chat(server.ws_url, ada) as a:
            await a.command("joinRoom", roomId=room)  # so that the process knows the room's head
            publish(redis, EVERYONE, AccountEnded("somebody"))
            await heard_by(a, ada.id, redis)
            assert ada.call("GET", "/messages", roomId=room).status == 200
            copied = redis.ask("COPY", f"chat:1:page:{room}", "old page", "DB", "0")
            assert copied == b":1\r\n"
            ada.post(room, "and again")
            await a.until(lambda: len(a.named("receiveMessage")) == 1)
            assert redis.ask("COPY", "old page", f"chat:1:page:{room}", "REPLACE") == b":1\r\n"
            publish(redis, CACHE, CacheInvalidated((f"chat:1:page:{room}",)))
            await heard_by(a, ada.id, redis)
            # her permission is cached again
            assert ada.call("GET", "/messages", roomId=room, after=2).status == 200
            before, hits_before = page_reads(), hits()
            mongo.pause()
            headers = f"Host: 127.0.0.1\r\nAuthorization: Bearer {ada.access_token}\r\nConnection: close"
            async with hundred_requests(
                server, f"GET /messages?roomId={room} HTTP/1.1\r\n{headers}\r\n\r\n"
            ) as answers:
                await until(lambda: hits() >= hits_before + 99)  # all have arrived; one of them loads the value
                mongo.resume()
            assert all(answer.startswith(b"HTTP/1.1 200 ") and b'"and again"' in answer for answer in answers)
            assert 1 <= page_reads() - before <= 5
