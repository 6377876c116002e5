"""The connection pool from outside: caps, `replaces`, heartbeat, expiry, slow readers, cleanup, and draining."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterator

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.integration.conftest import Start, embedded
from tests.support.client import CommandRefused, call, chat, register
from tests.support.raw_websocket_client import RawWebSocket
from tests.support.server import ServerProcess, serving


@pytest.fixture(scope="module")
def server_with_low_bounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with low bounds."""
    env = {
        "WS_PING_INTERVAL": "1",
        "WS_PING_TIMEOUT": "4",
        "WS_CLEANUP_INTERVAL": "0.2",
        "RATE_LIMIT_TYPING": "3/3600",
        "CORS_ORIGINS": "https://chat.example.com",
    }
    with serving(tmp_path_factory.mktemp("strict") / "data", env) as server:
        yield server


@pytest.mark.gen_test
async def test_the_welcome_says_who_and_how_often_to_beat(server: ServerProcess) -> None:
    ada = register(server.url)
    async with chat(server.ws_url, ada) as a:
        welcome = await a.one("welcome")
        assert set(welcome) == {"connectionId", "processId", "heartbeatInterval", "user"}
        assert welcome["processId"] == call(server.url, "GET", "/health").json["processId"]
        assert welcome["user"]["username"] == ada.username
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", (await a.command("heartbeat"))["timestamp"])
    async with chat(server.ws_url) as nobody:
        assert "user" not in await nobody.one("welcome")


@pytest.mark.gen_test
async def test_a_sixth_connection_of_a_user_is_closed_and_replaces_frees_a_place(server: ServerProcess) -> None:
    ada = register(server.url)
    opened = [chat(server.ws_url, ada) for _ in range(5)]
    connections = [await one.__aenter__() for one in opened]
    first = (await connections[0].one("welcome"))["connectionId"]
    async with chat(server.ws_url, ada) as sixth:
        assert await sixth.closed() == 4429
        assert sixth.named("welcome") == []
    async with chat(server.ws_url, ada, replaces=first) as replacing:
        await replacing.one("welcome")
        assert await connections[0].closed() == 4409
    eve = register(server.url)
    async with chat(server.ws_url, eve, replaces=(await connections[1].one("welcome"))["connectionId"]) as stranger:
        await stranger.one("welcome")
        await connections[1].command("heartbeat")
    for one in opened:
        await one.__aexit__(None, None, None)


@embedded
@pytest.mark.gen_test
async def test_a_full_pool_refuses_the_upgrade_with_503_and_retry_after(start: Start) -> None:
    server = start(WS_MAX_CONNECTIONS="2")
    async with chat(server.ws_url) as a, chat(server.ws_url) as b:
        await a.one("welcome")
        await b.one("welcome")
        with pytest.raises(InvalidStatus) as refused:
            await connect(server.ws_url)
        assert refused.value.response.status_code == 503
        assert int(refused.value.response.headers["Retry-After"]) > 0
        assert json.loads(refused.value.response.body)["error"]["code"] == "unavailable"
    async with chat(server.ws_url) as again:
        await again.one("welcome")


@pytest.mark.gen_test
async def test_a_foreign_origin_is_refused_and_a_listed_one_is_not(server_with_low_bounds: ServerProcess) -> None:
    server = server_with_low_bounds
    for origin, allowed in (
        ("https://evil.example.com", False),
        ("null", False),
        ("https://chat.example.com", True),
        (server.url, True),
    ):
        try:
            async with connect(server.ws_url, additional_headers={"Origin": origin}):
                assert allowed, origin
        except InvalidStatus as refused:
            assert not allowed, origin
            assert refused.response.status_code == 403


@pytest.mark.gen_test
async def test_before_authentication_every_other_command_is_unauthorized(server: ServerProcess) -> None:
    ada, eve = register(server.url), register(server.url)
    async with chat(server.ws_url) as a:
        await a.one("welcome")
        for event in ("joinRoom", "heartbeat", "sendMessage", "nonsense"):
            with pytest.raises(CommandRefused) as refused:
                await a.command(event)
            assert refused.value.code == "unauthorized", event
        ack = await a.command("authenticate", token=ada.access_token)
        assert ack["user"]["id"] == ada.id
        assert ack["user"]["email"]
        await a.command("heartbeat")
        with pytest.raises(CommandRefused) as other:
            await a.command("authenticate", token=eve.access_token)
        assert other.value.code == "forbidden"
        with pytest.raises(CommandRefused) as bad:
            await a.command("authenticate", token="nonsense")
        assert bad.value.code == "unauthorized"
        await a.command("heartbeat")  # a failed renewal gets an error, and the connection stays open
    async with chat(server.ws_url) as b:
        with pytest.raises(CommandRefused):
            await b.command("authenticate", token="nonsense")
        assert await b.closed() == 4401
    async with chat(server.ws_url, "nonsense") as c:
        assert await c.closed() == 4401
        assert c.events == []


@pytest.mark.gen_test
async def test_errors_of_commands_have_the_contracts_shape(server: ServerProcess) -> None:
    ada = register(server.url)
    async with chat(server.ws_url, ada) as a:
        await a.one("welcome")
        with pytest.raises(CommandRefused) as unknown:
            await a.command("makeCoffee")
        assert unknown.value.code == "unknown_command"
        with pytest.raises(CommandRefused) as invalid:
            await a.command("sendMessage", roomId=5, content="")
        assert set(invalid.value.data) == {"code", "message", "details", "retryable", "retryAfter"}
        assert invalid.value.code == "validation_failed"
        assert set(invalid.value.data["details"]) == {"roomId", "content"}
        malformed: list[tuple[str | bytes, str | None]] = [
            ("nonsense", None), ("[]", None), ('{"id":"1"}', "1"), ('{"event":5}', None), (b"binary", None), ("", None)
        ]  # fmt: skip
        for number, (text, command_id) in enumerate(malformed):
            await a.send(text)
            await a.until(lambda number=number: len(a.named("error")) == number + 1)
            assert a.events[-1].get("id") == command_id, text
            assert a.named("error")[-1]["code"] == "malformed", text
        await a.send('{"event":"heartbeat","id":5,"data":{}}')
        await a.until(lambda: len(a.named("error")) == 7)
        assert a.named("error")[-1]["code"] == "validation_failed"
        await a.command("heartbeat")


@pytest.mark.gen_test
async def test_commands_of_a_connection_are_answered_in_their_order(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    async with chat(server.ws_url, ada) as a:
        await a.command("joinRoom", roomId=room)
        a._replies.clear()
        for number in range(90):
            await a.send(
                json.dumps(
                    {"event": "sendMessage", "id": f"n{number}", "data": {"roomId": room, "content": f"{number}"}}
                )
            )
        await a.until(lambda: len(a.named("ack")) == 90)
        acks = [frame for frame in a.events if frame["event"] == "ack"]
        assert [frame["id"] for frame in acks] == [f"n{number}" for number in range(90)]
        assert [frame["data"]["message"]["seq"] for frame in acks] == list(range(1, 91))


@pytest.mark.gen_test
async def test_who_does_not_answer_pings_is_closed_with_4408(server_with_low_bounds: ServerProcess) -> None:
    server = server_with_low_bounds
    ada = register(server.url)
    async with chat(server.ws_url, ada) as living:
        with RawWebSocket(server.port, token=ada.access_token) as dead:
            assert await asyncio.to_thread(dead.read_close) == 4408
        await living.command("heartbeat")


@embedded
@pytest.mark.slow
@pytest.mark.gen_test
async def test_who_never_authenticates_is_closed_after_ten_seconds(server: ServerProcess) -> None:
    began = time.monotonic()
    async with chat(server.ws_url) as nobody:
        assert await nobody.closed() == 4401
    assert time.monotonic() - began >= 9.5


@embedded
@pytest.mark.gen_test
async def test_a_slow_reader_costs_its_own_connection_only(start: Start) -> None:
    server = start(WS_OUTBOX_MAX_BYTES="65536", RATE_LIMIT_MESSAGES="off", WS_MAX_CONNECTIONS_PER_USER="20")
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    with RawWebSocket(server.port, token=bob.access_token, receive_buffer=4096) as slow:
        slow.send_command("joinRoom", roomId=room)
        while slow.read_message()["event"] != "ack":
            pass
        async with chat(server.ws_url, ada) as a, chat(server.ws_url, bob) as quick:
            await a.command("joinRoom", roomId=room)
            await quick.command("joinRoom", roomId=room)
            sent = 0
            while not call(server.url, "GET", "/metrics/websocket").json["messages"]["dropped"]["slow_reader"]:
                await asyncio.gather(*(a.command("sendMessage", roomId=room, content="ö" * 2000) for _ in range(25)))
                sent += 25
            seqs = []
            while (message := slow.read_message()) is not None:
                if message["event"] == "receiveMessage":
                    seqs.append(message["data"]["seq"])
            assert slow.close_code == 4413
            await quick.until(lambda: len(quick.named("receiveMessage")) == sent)
            assert [message["seq"] for message in quick.named("receiveMessage")] == list(range(1, sent + 1))
        assert seqs == list(range(1, len(seqs) + 1)), "what it did get was in order"


@pytest.mark.gen_test
async def test_a_drain_acks_what_is_under_way_and_tells_everybody_to_come_back(start: Start) -> None:
    server = start()
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    bob.join(room)
    async with chat(server.ws_url, ada) as a, chat(server.ws_url, bob) as b:
        await a.command("joinRoom", roomId=room)
        await b.command("joinRoom", roomId=room)
        sends = [asyncio.ensure_future(a.command("sendMessage", roomId=room, content=f"{n}")) for n in range(20)]
        await sends[0]
        began = time.monotonic()
        ended = asyncio.get_running_loop().run_in_executor(None, server.terminate)
        assert await a.closed(within_s=30) == 1012
        assert await b.closed(within_s=30) == 1012
        assert await ended == 0
        assert time.monotonic() - began < 30
        for one in (a, b):
            assert 0 < one.named("serverRestarting")[0]["reconnectAfterMs"] <= 10_000
        acked = [send.result()["message"] for send in sends if not send.exception()]
    server.start()
    stored = ada.call("GET", "/messages", roomId=room).json["messages"]
    assert stored[: len(acked)] == acked


@pytest.mark.gen_test
async def test_twenty_refusals_in_a_row_close_the_connection(server_with_low_bounds: ServerProcess) -> None:
    server = server_with_low_bounds
    ada = register(server.url)
    async with chat(server.ws_url, ada) as a:
        for _ in range(3):
            await a.command("heartbeat")
        for number in range(20):
            with pytest.raises(CommandRefused) as refused:
                await a.command("heartbeat")
            assert refused.value.code == "rate_limited", number
            assert refused.value.data["retryAfter"] > 0
        assert await a.closed() == 1008


@pytest.mark.gen_test
async def test_a_command_under_way_when_its_client_goes_leaves_nothing_behind(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    for _ in range(20):
        with RawWebSocket(server.port, token=ada.access_token) as gone:
            gone.read_message()
            for _ in range(5):
                gone.send_command("joinRoom", roomId=room)
                gone.send_command("sendMessage", roomId=room, content="x")
            gone.reset()
    async with chat(server.ws_url, ada) as a:
        await a.command("joinRoom", roomId=room)
        presence = await a.command("getPresence", roomId=room)
        assert presence["onlineCount"] == 1
    assert "clean-up" not in server.log()


@embedded
def test_the_port_of_a_server_that_was_killed_is_free_at_once(start: Start) -> None:
    server = start()
    with socket.create_connection(("127.0.0.1", server.port)):
        server.kill()
    server.start()
