"""The client of Redis: one write for each loop turn, a reply or RedisGone in time, and reconnects logged once each."""

from __future__ import annotations

import asyncio
import logging
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection

from cluster.redis_connection import RedisClient, RedisGone, RedisRefused, Script, probe_redis, redis_bounds
from cluster.redis_connection.redis_bounds import BATCH_MAX, WAITING_MAX, WAITING_MAX_BYTES
from tests.support.redis_proxy import (
    LATE_S,
    PATIENT_S,
    TIMEOUT_S,
    client_at,
    elapsed_s,
    options_for,
    proxy_to,
    until,
    until_noticed_gone,
)
from tests.support.redis_server import RedisServer
from tests.support.server import free_port

pytestmark = pytest.mark.gen_test

BACK_WITHIN_S = 30.0


@pytest.fixture
def script(tmp_path: Path) -> Script:
    path = tmp_path / "echo.lua"
    path.write_text("return {KEYS[1], ARGV[1]}")
    return Script(path)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The logged states in order: `is` and the reason."""
    caplog.set_level(logging.DEBUG)

    def states() -> list[str]:
        fields = [record.__dict__["fields"] for record in caplog.records if record.name == "cluster.redis_connection"]
        return [" ".join([field["is"], *([field["reason"]] if "reason" in field else [])]) for field in fields]

    return states


async def outcomes(client: RedisClient, *commands: tuple[str | bytes | int, ...]) -> list[object]:
    """Send commands in one loop turn, and return the reply or error of each."""
    return await asyncio.gather(*[client.call(*command) for command in commands], return_exceptions=True)


async def read_count(client: RedisClient) -> int:
    """How often Redis has read from a socket, including the read of this command."""
    info = (await client.call("INFO", "stats")).decode()
    return int(info.partition("total_reads_processed:")[2].partition("\r")[0])


# ---- commands and replies --------------------------------------------------------------------------------------------


async def test_a_reply_is_bytes_a_number_a_list_or_none(stack: AsyncExitStack, redis: RedisServer) -> None:
    client = await client_at(stack, redis.port)
    assert await client.call("SET", "a", b"\x00\xff") == b"OK"
    assert await client.call("GET", "a") == b"\x00\xff"
    assert await client.call("GET", "never set") is None
    assert await client.call("RPUSH", "l", 1, 2.5, "drei") == 3
    assert await client.call("LRANGE", "l", 0, -1) == [b"1", b"2.5", b"drei"]


async def test_the_commands_of_one_turn_are_one_write(stack: AsyncExitStack, redis: RedisServer) -> None:
    client = await client_at(stack, redis.port)
    before = await read_count(client)
    replies = await outcomes(client, *[("INCR", "n")] * 100)
    after = await read_count(client)
    assert replies == list(range(1, 101))
    assert after - before == 2  # the hundred, and the second INFO


async def test_what_comes_while_a_batch_is_under_way_goes_in_one_write_after_it(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    proxy = await proxy_to(stack, redis.port)
    client = await client_at(stack, proxy.port, timeout_s=10)
    proxy.sent_to_redis.clear()
    proxy.hold()
    waiting = [client.call("INCR", "n")]
    await until(lambda: proxy.sent_to_redis)
    for _ in range(50):
        waiting.append(client.call("INCR", "n"))
        await asyncio.sleep(0)  # each in a turn of its own
    proxy.release()
    assert await asyncio.gather(*waiting) == list(range(1, 52))
    assert [data.count(b"INCR") for data in proxy.sent_to_redis] == [1, 50]


async def test_more_than_a_batch_holds_is_answered_in_order(stack: AsyncExitStack, redis: RedisServer) -> None:
    client = await client_at(stack, redis.port, timeout_s=10)
    count = 2 * BATCH_MAX + 1
    assert await outcomes(client, *[("INCR", "n")] * count) == list(range(1, count + 1))


async def test_an_error_reply_fails_its_own_call_alone(stack: AsyncExitStack, redis: RedisServer) -> None:
    lost: list[str] = []
    client = await client_at(stack, redis.port, on_down=[lambda: lost.append("down")])
    states = await outcomes(client, ("SET", "a", "1"), ("LPUSH", "a", "2"), ("NO SUCH COMMAND",), ("GET", "a"))
    assert (states[0], states[3]) == (b"OK", b"1")
    assert isinstance(states[1], RedisRefused) and "WRONGTYPE" in str(states[1])
    assert isinstance(states[2], RedisRefused) and "unknown command" in str(states[2])
    assert client.is_up and lost == []


async def test_a_caller_that_is_cancelled_costs_the_others_nothing(stack: AsyncExitStack, redis: RedisServer) -> None:
    client = await client_at(stack, redis.port)
    calls = [client.call("INCR", "n") for _ in range(3)]
    calls[1].cancel()
    assert [await calls[0], await calls[2]] == [1, 3]
    assert await client.call("GET", "n") == b"3"


async def test_what_is_sent_without_a_reply_is_done_in_its_place(stack: AsyncExitStack, redis: RedisServer) -> None:
    client = await client_at(stack, redis.port)
    first = client.call("GET", "a")
    assert client.send("SET", "a", "1")
    assert client.send("LPUSH", "a", "refused")  # and its error is nobody's
    assert [await first, await client.call("GET", "a")] == [None, b"1"]


async def test_the_database_is_the_one_that_was_chosen(stack: AsyncExitStack, redis: RedisServer) -> None:
    by_number = await client_at(stack, redis.port, db=3)
    by_url = await client_at(stack, 1, url=f"redis://127.0.0.1:{redis.port}/3")
    other = await client_at(stack, redis.port)
    await by_number.call("SET", "a", "1")
    assert [await by_url.call("GET", "a"), await other.call("GET", "a")] == [b"1", None]


# ---- scripts ---------------------------------------------------------------------------------------------------------


async def test_a_script_is_known_by_its_digest_from_the_first_command_on(
    stack: AsyncExitStack, redis: RedisServer, script: Script
) -> None:
    client = await client_at(stack, redis.port, scripts=(script,))
    assert await client.call("EVALSHA", script.sha, 1, "k", "v") == [b"k", b"v"]


async def test_a_script_that_redis_forgot_runs_nevertheless(
    stack: AsyncExitStack, redis: RedisServer, script: Script
) -> None:
    client = await client_at(stack, redis.port, scripts=(script,))
    await client.call("SCRIPT", "FLUSH")
    assert await client.run(script, ["k"], ["v"]) == [b"k", b"v"]
    assert client.is_up


async def test_a_script_that_fails_is_refused(stack: AsyncExitStack, redis: RedisServer, tmp_path: Path) -> None:
    path = tmp_path / "fails.lua"
    path.write_text("return redis.call('LPUSH', KEYS[1], 'x')")
    client = await client_at(stack, redis.port, scripts=(failing := Script(path),))
    await client.call("SET", "k", "a string")
    with pytest.raises(RedisRefused, match="WRONGTYPE"):
        await client.run(failing, ["k"])


# ---- a Redis that does not answer ------------------------------------------------------------------------------------


async def test_each_caller_of_a_stopped_redis_is_answered_within_the_timeout(
    stack: AsyncExitStack, own_redis: RedisServer
) -> None:
    client = await client_at(stack, own_redis.port, timeout_s=TIMEOUT_S)
    own_redis.pause()

    async def ask() -> None:
        with pytest.raises(RedisGone):
            await client.call("PING")

    first = asyncio.create_task(elapsed_s(ask()))
    await asyncio.sleep(TIMEOUT_S / 2)  # time that passes is what this is about
    second = asyncio.create_task(elapsed_s(ask()))
    assert TIMEOUT_S / 2 < await first < TIMEOUT_S + LATE_S
    assert await second < TIMEOUT_S + LATE_S


@pytest.mark.parametrize("fault", ["stopped", "killed", "cut half-open", "dropped"])
async def test_while_redis_is_away_calls_fail_at_once_and_it_is_found_again_when_it_is_back(
    stack: AsyncExitStack, own_redis: RedisServer, fault: str
) -> None:
    proxy = await proxy_to(stack, own_redis.port)
    changes: list[str] = []
    client = await client_at(
        stack,
        proxy.port,
        on_up=[lambda: changes.append("up")],
        on_down=[lambda: changes.append("down")],
        timeout_s=TIMEOUT_S,
    )
    assert changes == ["up"]
    changes.clear()
    if fault == "stopped":
        own_redis.pause()
    elif fault == "killed":
        own_redis.stop()
    else:
        proxy.hold()  # new connections get nowhere for now
        proxy.cut_half_open() if fault == "cut half-open" else proxy.drop()
    with pytest.raises(RedisGone):
        await client.call("PING")
    assert changes == ["down"]
    with pytest.raises(RedisGone):
        client.call("PING")  # no future, no wait
    assert not client.send("PING")
    if fault == "stopped":
        own_redis.resume()
    elif fault == "killed":
        own_redis.start()
    else:
        proxy.release()
    await until(lambda: client.is_up, BACK_WITHIN_S)
    assert changes == ["down", "up"]
    assert await client.call("PING") == b"PONG"


async def test_a_restart_that_nobody_noticed_costs_one_call_and_the_scripts_are_there_again(
    stack: AsyncExitStack, own_redis: RedisServer, script: Script
) -> None:
    client = await client_at(stack, own_redis.port, scripts=(script,))
    await asyncio.to_thread(own_redis.restart)
    with pytest.raises(RedisGone):
        await client.run(script, ["k"], ["v"])
    await until(lambda: client.is_up, BACK_WITHIN_S)
    assert await client.call("EVALSHA", script.sha, 1, "k", "v") == [b"k", b"v"]


async def test_the_first_commands_on_a_new_connection_are_those_that_on_up_sends(
    stack: AsyncExitStack, own_redis: RedisServer
) -> None:
    proxy = await proxy_to(stack, own_redis.port)
    seen: list[asyncio.Future[bytes]] = []
    client = RedisClient(options=options_for(proxy.port))
    stack.push_async_callback(client.close)
    await client.start(
        on_up=[lambda: client.send("SET", "a", "first"), lambda: seen.append(client.call("GET", "a"))],
    )
    assert await seen.pop() == b"first"
    await client.call("SET", "a", "later")
    proxy.drop()
    await until_noticed_gone(client)
    await until(lambda: seen, BACK_WITHIN_S)
    assert await seen[0] == b"first"


async def test_a_redis_that_is_not_there_at_the_start_is_found_later(stack: AsyncExitStack, tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    stack.callback(server.stop)
    client = await client_at(stack, server.port)
    assert not client.is_up
    with pytest.raises(RedisGone):
        client.call("PING")
    await asyncio.to_thread(server.start)
    await until(lambda: client.is_up, BACK_WITHIN_S)
    assert await client.call("PING") == b"PONG"


@pytest.mark.gen_test(timeout=300)
async def test_a_redis_that_was_away_for_more_tries_than_a_float_has_powers_of_two_is_found_again(
    stack: AsyncExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_bounds, "RETRY_MIN_S", 1e-6)
    monkeypatch.setattr(redis_bounds, "RETRY_MAX_S", 1e-6)
    server, tries = RedisServer(tmp_path / "redis"), [0]
    stack.callback(server.stop)

    def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tries[0] += 1
        writer.close()

    refusing = await asyncio.start_server(refuse, "127.0.0.1", server.port)
    stack.callback(refusing.close)
    client = await client_at(stack, server.port)
    await until(lambda: tries[0] > 1_100, 240.0)
    refusing.close()
    await refusing.wait_closed()
    await asyncio.to_thread(server.start)
    await until(lambda: client.is_up, BACK_WITHIN_S)


async def test_starting_does_not_wait_long_for_a_redis_that_is_stopped(
    stack: AsyncExitStack, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_bounds, "CONNECT_WITHIN_S", 1.0)
    own_redis.pause()
    client = RedisClient(options=options_for(own_redis.port))
    stack.push_async_callback(client.close)
    assert await elapsed_s(client.start()) < 1.0 + LATE_S
    assert not client.is_up


async def test_a_loop_of_ours_that_was_held_up_does_not_take_redis_for_late(
    stack: AsyncExitStack, redis: RedisServer
) -> None:
    proxy = await proxy_to(stack, redis.port)  # on the same loop: the answer takes some turns more
    lost: list[str] = []
    client = await client_at(stack, proxy.port, on_down=[lambda: lost.append("down")], timeout_s=1.0)
    replies = [client.call("PING"), client.call("PING")]
    await asyncio.sleep(0)
    time.sleep(1.3)  # the loop is held up: that is what this is about
    assert await asyncio.gather(*replies) == [b"PONG", b"PONG"]
    assert client.is_up and lost == []


async def test_closing_waits_until_redis_has_executed_what_was_sent_before(
    stack: AsyncExitStack, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_bounds, "FLUSH_WITHIN_S", PATIENT_S)
    proxy = await proxy_to(stack, redis.port)
    client, other = await client_at(stack, proxy.port), await client_at(stack, redis.port)
    sent = len(proxy.sent_to_redis)
    proxy.hold()
    assert client.send("SET", "first", "1")
    await until(lambda: len(proxy.sent_to_redis) > sent)
    assert client.send("SET", "behind the batch", "2")
    closed = asyncio.ensure_future(client.close())
    await asyncio.sleep(0)
    assert not closed.done()
    proxy.release()
    await closed
    assert await other.call("MGET", "first", "behind the batch") == [b"1", b"2"]


async def test_closing_answers_who_waits_and_leaves_no_connection(
    stack: AsyncExitStack, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_bounds, "FLUSH_WITHIN_S", 0.05)
    proxy = await proxy_to(stack, redis.port)
    client = await client_at(stack, proxy.port, timeout_s=10)
    proxy.hold()
    waiting = [client.call("PING") for _ in range(2)]
    await asyncio.sleep(0)
    waiting.append(client.call("PING"))  # behind the batch
    async with asyncio.timeout(30):
        await client.close()
    states = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in states] == [RedisGone] * 3
    await client.close()
    with pytest.raises(RedisGone):
        client.call("PING")
    proxy.release()
    await until(lambda: not proxy.connection_count)


# ---- bounds ----------------------------------------------------------------------------------------------------------


async def flood(client: RedisClient, *, of: str) -> None:
    """Send, in one turn, one command more than may wait."""
    if of == "commands":
        accepted = sum(client.send("PING") for _ in range(WAITING_MAX))
        assert accepted == WAITING_MAX
    else:
        chunks = WAITING_MAX_BYTES >> 20
        accepted = sum(client.send("SET", "big", b"x" * (1 << 20)) for _ in range(chunks))
        assert accepted == chunks
    assert not client.send("DEL", "an invalidation")


@pytest.mark.parametrize("of", ["commands", "bytes"])
async def test_past_its_bound_a_queue_behind_a_stalled_redis_drops_the_connection_rather_than_a_command(
    stack: AsyncExitStack, redis: RedisServer, of: str
) -> None:
    proxy = await proxy_to(stack, redis.port)
    lost: list[str] = []
    client = await client_at(stack, proxy.port, on_down=[lambda: lost.append("down")], timeout_s=60)
    proxy.sent_to_redis.clear()
    proxy.hold()
    waiting = client.call("PING")
    await until(lambda: proxy.sent_to_redis)
    await flood(client, of=of)
    await until(lambda: lost)
    with pytest.raises(RedisGone):
        await waiting
    proxy.release()
    await until(lambda: client.is_up)
    assert await client.call("PING") == b"PONG"


@pytest.mark.parametrize("of", ["commands", "bytes"])
async def test_past_its_bound_a_single_turn_drops_the_connection_rather_than_a_command(
    stack: AsyncExitStack, redis: RedisServer, of: str
) -> None:
    lost: list[str] = []
    client = await client_at(stack, redis.port, on_down=[lambda: lost.append("down")], timeout_s=60)
    await flood(client, of=of)
    await until(lambda: lost)


async def test_what_a_stalled_redis_has_not_taken_is_dropped_with_its_connection(
    stack: AsyncExitStack, own_redis: RedisServer
) -> None:
    client = await client_at(stack, own_redis.port, timeout_s=TIMEOUT_S)

    def own_ports() -> set[int]:
        return {one.laddr.port for one in psutil.Process().net_connections("tcp") if one.raddr[1:] == (own_redis.port,)}

    (port,) = own_ports()
    own_redis.pause()
    with pytest.raises(RedisGone):
        await client.call("SET", "big", b"x" * WAITING_MAX_BYTES)
    await until(lambda: port not in own_ports())


# ---- what is logged --------------------------------------------------------------------------------------------------


async def test_a_line_is_logged_at_each_change_of_state_and_none_for_a_try(
    stack: AsyncExitStack, redis: RedisServer, log: Callable[[], list[str]]
) -> None:
    proxy = await proxy_to(stack, redis.port)
    client = await client_at(stack, proxy.port)
    for _ in range(2):
        proxy.go_away()
        await until_noticed_gone(client)
        tried = proxy.accepted
        await until(lambda tried=tried: proxy.accepted >= tried + 3)
        proxy.come_back()
        await until(lambda: client.is_up, BACK_WITHIN_S)
    states = log()
    assert [line.partition(" ")[0] for line in states] == ["connected", "gone", "connected", "gone", "connected"]
    assert all(line.partition(" ")[2] for line in states if line.startswith("gone"))


async def test_a_wrong_password_is_told_of_once_and_never_shown(
    stack: AsyncExitStack, own_redis: RedisServer, caplog: pytest.LogCaptureFixture, log: Callable[[], list[str]]
) -> None:
    assert own_redis.ask("CONFIG", "SET", "requirepass", "what it should be") == b"+OK\r\n"
    proxy = await proxy_to(stack, own_redis.port)
    client = await client_at(stack, proxy.port, password="hunter2-as-typed")
    assert not client.is_up
    with pytest.raises(RedisGone) as refused:
        client.call("PING")
    await until(lambda: proxy.accepted >= 4)
    assert log() == ["gone the password is refused"]
    logged = " ".join(str(record.__dict__) for record in caplog.records) + caplog.text + str(refused.value)
    assert "hunter2" not in logged and "what it should be" not in logged


async def test_a_password_that_is_refused_is_tried_until_it_is_the_right_one(
    stack: AsyncExitStack, own_redis: RedisServer, log: Callable[[], list[str]]
) -> None:
    admin = await client_at(stack, own_redis.port)
    await admin.call("CONFIG", "SET", "requirepass", "old one")
    client = await client_at(stack, own_redis.port, password="new one")
    assert not client.is_up
    await admin.call("CONFIG", "SET", "requirepass", "new one")
    await until(lambda: client.is_up, BACK_WITHIN_S)
    assert log() == ["connected", "gone the password is refused", "connected"]  # the first is the admin's


async def test_a_missing_password_is_a_refusal_too(
    stack: AsyncExitStack, own_redis: RedisServer, log: Callable[[], list[str]]
) -> None:
    own_redis.ask("CONFIG", "SET", "requirepass", "what it should be")
    client = await client_at(stack, own_redis.port)
    assert not client.is_up
    assert log() == ["gone the password is refused"]


# ---- where Redis is --------------------------------------------------------------------------------------------------


async def test_a_url_says_which_kind_of_connection_it_is() -> None:
    def kind(url: str | None) -> type:
        return type(options_for(6379, url=url).connection())

    assert kind(None) is Connection
    assert kind("redis://:secret@redis.example:6380/2") is Connection
    assert kind("rediss://:secret@redis.example:6380/2") is SSLConnection
    assert kind("unix:///run/redis.sock?db=2") is UnixDomainSocketConnection


async def test_a_url_stands_for_host_port_password_and_database() -> None:
    connection = options_for(1, url="rediss://ada:s%2Fcret@redis.example:6380/2").connection()
    assert (connection.host, connection.port, connection.username, connection.password, connection.db) == (
        "redis.example",
        6380,
        "ada",
        "s/cret",
        2,
    )
    assert options_for(1, url="redis://redis.example/2").database == 2
    assert options_for(1, url="redis://redis.example").database == 0
    assert options_for(1, db=5).database == 5


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis.example:6379",
        "http://redis.example",
        "redis://h:port",
        "redis://h:99999",
        "redis://h?db=two",
        "redis://[::1",
    ],
)
async def test_a_url_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        options_for(6379, url=url).connection()


async def test_a_url_whose_password_breaks_it_is_refused_without_showing_the_password() -> None:
    with pytest.raises(ValueError) as refused:
        options_for(6379, url="redis://:hunter2/unquoted@redis.example:6379/0").connection()
    assert "hunter2" not in str(refused.value)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A key, and a certificate of 127.0.0.1 that it signs itself."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("need openssl on PATH (Debian: apt-get install openssl)")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    wanted = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=redis of a test",
    ]
    san = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [program, "req", "-x509", *wanted, *san, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
        timeout=30,
    )
    return key, certificate


async def test_with_tls_it_speaks_with_who_has_the_certificate_and_with_nobody_else(
    stack: AsyncExitStack, tmp_path: Path, certificate: tuple[Path, Path], log: Callable[[], list[str]]
) -> None:
    key, signed = certificate
    port = free_port()
    tls = [
        "--tls-port",
        str(port),
        "--tls-cert-file",
        str(signed),
        "--tls-key-file",
        str(key),
        "--tls-auth-clients",
        "no",
    ]
    server = RedisServer(tmp_path / "redis", *tls, "--requirepass", "secret")
    stack.callback(server.stop)
    server.start()
    url = f"rediss://:secret@127.0.0.1:{port}/1"
    trusting = await client_at(stack, 1, url=f"{url}?ssl_ca_certs={signed}")
    assert trusting.is_up
    await trusting.call("SET", "a", "1")
    assert await trusting.call("GET", "a") == b"1"
    doubting = await client_at(stack, 1, url=url)
    assert not doubting.is_up
    assert "certificate" in log()[-1] and "secret" not in log()[-1]


# ---- a look ----------------------------------------------------------------------------------------------------------


async def test_a_look_tells_what_is_there_or_why_it_cannot_be_used(own_redis: RedisServer) -> None:
    assert (await probe_redis(options_for(own_redis.port))).startswith("Redis ")
    own_redis.ask("CONFIG", "SET", "requirepass", "secret")
    with pytest.raises(RedisGone, match=r"^the password is refused$"):
        await probe_redis(options_for(own_redis.port, password="not it"))
    own_redis.stop()
    with pytest.raises(RedisGone, match=str(own_redis.port)):
        await probe_redis(options_for(own_redis.port))
