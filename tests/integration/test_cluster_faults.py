"""A cluster behind nginx with clients in rooms, while processes and Redis are killed and restarted: no message is lost,
duplicated or out of order.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from websockets.exceptions import WebSocketException

from tests.integration.conftest import StoreEnv, embedded
from tests.support.client import ChatConnection, CommandRefused, Person, call, chat, register
from tests.support.coverage import inherited_coverage_variables
from tests.support.redis_server import RedisServer
from tests.support.server import ROOT, free_port

SENDERS_A_ROOM = 2
START_WITHIN_S = 60.0
CATCH_UP_WITHIN_S = 60.0


class SupervisedCluster:
    """The program of `make cluster`, started without make."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.port = free_port(3)
        own = {
            "PATH": os.environ["PATH"],
            **inherited_coverage_variables(),
            "HOME": str(folder),
            "PORT": str(self.port),
        }
        self._env = {**own, "PROCESSES": "2", "RATE_LIMIT_ADAPTIVE": "false", **env}
        self._log = folder / "cluster.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> SupervisedCluster:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deploy.cluster"], cwd=ROOT, env=self._env, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_WITHIN_S
        while "cluster ready" not in self.log():
            assert self._process.poll() is None and time.monotonic() < deadline, self.log()
            time.sleep(0.05)  # the poll's pace
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)

    def kill_one(self) -> None:
        """Kill one chat process with SIGKILL. The supervisor starts it again."""
        assert self._process is not None
        chats = [
            one
            for one in psutil.Process(self._process.pid).children(recursive=True)
            if "server.py" in " ".join(one.cmdline())
        ]
        random.choice(chats).send_signal(signal.SIGKILL)

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""


class RoomClient:
    """A member of a room who reconnects whenever the connection ends, and resumes after the last message received."""

    def __init__(self, ws_url: str, person: Person, room_id: str) -> None:
        self._ws_url = ws_url
        self._person = person
        self._room_id = room_id
        self._connection: ChatConnection | None = None
        self.seqs: list[int] = []
        self.acked: dict[str, int] = {}

    async def stay_connected(self) -> None:
        """Stay connected until cancelled."""
        while True:
            try:
                async with chat(self._ws_url, self._person) as connection:
                    await self._listen(connection)
            except (OSError, WebSocketException, TimeoutError, ConnectionError, CommandRefused):
                await asyncio.sleep(random.uniform(0.1, 0.5))  # a client's pace
            finally:
                self._connection = None

    async def _listen(self, connection: ChatConnection) -> None:
        joined = await connection.command("joinRoom", roomId=self._room_id, since=len(self.seqs))
        assert not joined["truncated"]
        self.seqs += [message["seq"] for message in joined["missed"]]
        self._connection = connection
        taken = 0
        while connection.close_code is None:
            fresh = connection.events[taken:]
            taken += len(fresh)
            self.seqs += [frame["data"]["seq"] for frame in fresh if frame["event"] == "receiveMessage"]
            await connection.until(
                lambda taken=taken: len(connection.events) > taken or connection.close_code is not None, 3600
            )

    async def send(self, client_ids: Iterator[str], over: asyncio.Event) -> None:
        """Send messages one after another until `over` is set, each repeated with its clientId until it is acked."""
        while not over.is_set():
            client_id = next(client_ids)
            while client_id not in self.acked:
                try:
                    if self._connection is None:
                        raise ConnectionError
                    ack = await self._connection.command(
                        "sendMessage", roomId=self._room_id, content="x", clientId=client_id
                    )
                    self.acked[client_id] = ack["message"]["seq"]
                except (OSError, WebSocketException, TimeoutError, ConnectionError):
                    await asyncio.sleep(0.2)  # a client's pace
                except CommandRefused as refused:
                    assert refused.data["retryable"] or refused.code == "unauthorized", refused.data
                    await asyncio.sleep(0.2)  # a client's pace
            await asyncio.sleep(0.2)  # the load's pace


async def until_all_received(clients_in_rooms: list[RoomClient], total: int) -> None:
    deadline = time.monotonic() + CATCH_UP_WITHIN_S
    while any(len(client.seqs) < total for client in clients_in_rooms):
        assert time.monotonic() < deadline, sorted({len(client.seqs) for client in clients_in_rooms})
        await asyncio.sleep(0.1)  # the poll's pace


@embedded
@pytest.mark.gen_test(timeout=600)
async def test_50_people_in_5_rooms_miss_nothing_while_redis_is_restarted_twice_and_a_process_is_killed(
    tmp_path: Path, store_env: StoreEnv
) -> None:
    await assert_nothing_is_missed(tmp_path, store_env, clients=50, rooms=5)


@pytest.mark.slow
@pytest.mark.gen_test(timeout=600)
async def test_200_people_in_10_rooms_miss_nothing_while_redis_is_restarted_twice_and_a_process_is_killed(
    tmp_path: Path, store_env: StoreEnv
) -> None:
    await assert_nothing_is_missed(tmp_path, store_env, clients=200, rooms=10)


async def assert_nothing_is_missed(tmp_path: Path, store_env: StoreEnv, *, clients: int, rooms: int) -> None:
    if shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("need nginx on PATH (Debian: apt-get install nginx)")
    redis = RedisServer(tmp_path / "redis")
    data_dir = tmp_path / "data"
    off = dict.fromkeys(("MESSAGES", "API", "AUTH", "JOINS", "ROOMS", "TYPING", "CONNECTS", "ANONYMOUS"), "off")
    env = {
        **store_env(data_dir),
        "DATA_DIR": str(data_dir),
        "JWT_SECRET": "a secret of the tests, thirty-two bytes or more",
        **{f"RATE_LIMIT_{name}": value for name, value in off.items()},
    }
    try:
        redis.start()
        cluster = SupervisedCluster(tmp_path, {**env, **redis.env})
        try:
            cluster.start()
            await run_faults(cluster, redis, clients, rooms)
        finally:
            cluster.stop()
    finally:
        redis.stop()
    assert "Traceback" not in cluster.log(), cluster.log()


async def run_faults(cluster: SupervisedCluster, redis: RedisServer, clients: int, room_count: int) -> None:
    url, ws_url = cluster.url, f"ws://127.0.0.1:{cluster.port}/ws"
    people = [await asyncio.to_thread(register, url) for _ in range(clients // 5)]  # each has five connections
    rooms = [people[0].make_room(maxUsers=clients)["id"] for _ in range(room_count)]
    clients_in_rooms = [
        RoomClient(ws_url, people[number % len(people)], rooms[number % room_count]) for number in range(clients)
    ]
    over_sending = asyncio.Event()
    connected = [asyncio.ensure_future(client.stay_connected()) for client in clients_in_rooms]
    numbers = itertools.count()
    sending = [
        asyncio.ensure_future(client.send((f"c{next(numbers)}" for _ in itertools.count()), over_sending))
        for client in clients_in_rooms[: room_count * SENDERS_A_ROOM]
    ]
    by_room: dict[str, list[RoomClient]] = {}
    for client in clients_in_rooms:
        by_room.setdefault(client._room_id, []).append(client)

    async def until_more_are_acked(count: int) -> None:
        """Wait until `count` more messages are acked."""
        wanted = sum(len(client.acked) for client in clients_in_rooms) + count
        deadline = time.monotonic() + CATCH_UP_WITHIN_S
        while sum(len(client.acked) for client in clients_in_rooms) < wanted:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)  # the poll's pace

    some = len(clients_in_rooms) // 2
    await until_more_are_acked(some)
    await asyncio.to_thread(redis.restart)
    await until_more_are_acked(some)
    await asyncio.to_thread(cluster.kill_one)
    await until_more_are_acked(some)
    await asyncio.to_thread(redis.restart)
    await until_more_are_acked(some)
    over_sending.set()
    await asyncio.wait_for(asyncio.gather(*sending), CATCH_UP_WITHIN_S)
    for room_id, members in by_room.items():
        acked = sorted(seq for client in members for seq in client.acked.values())
        total = await head_of(url, people[0], room_id)
        assert acked == list(range(1, total + 1)), "what was acked is stored, once, and nothing else is"
        await until_all_received(members, total)
        for client in members:
            assert client.seqs == list(range(1, total + 1))
    for one in connected:
        one.cancel()
    assert {type(end) for end in await asyncio.gather(*connected, return_exceptions=True)} == {asyncio.CancelledError}


async def head_of(url: str, person: Person, room_id: str) -> int:
    reply = await asyncio.to_thread(call, url, "GET", f"/rooms/{room_id}", None, token=person.access_token)
    return int(reply.json["room"]["lastSeq"])
