"""A cluster behind nginx with clients in rooms, while processes and Redis are killed and restarted: no message is lost,
duplicated or out of order.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from client import ChatClient, ChatRoom
from tests.integration.conftest import StoreEnv, embedded
from tests.support.client import Person, call, register
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
    """A member of a room, by way of the Python client, which reconnects and resumes whatever happens."""

    def __init__(self, url: str, person: Person, room_id: str) -> None:
        self._url = url
        self._person = person
        self.room_id = room_id
        self._room: asyncio.Future[ChatRoom] = asyncio.get_running_loop().create_future()
        self.seqs: list[int] = []
        self.acked: list[int] = []

    async def follow(self) -> None:
        """Follow the room from its first message on, until cancelled."""
        async with ChatClient(self._url, token=self._person.access_token) as chat:
            room = await chat.join(self.room_id, since=0)
            self._room.set_result(room)
            async for message in room.messages():
                self.seqs.append(message.seq)

    async def send(self, over: asyncio.Event) -> None:
        """Send messages one after another until `over` is set."""
        room = await self._room
        while not over.is_set():
            self.acked.append((await room.send("x")).seq)
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
    url = cluster.url
    people = [await asyncio.to_thread(register, url) for _ in range(clients // 5)]  # each has five connections
    rooms = [people[0].make_room(maxUsers=clients)["id"] for _ in range(room_count)]
    clients_in_rooms = [
        RoomClient(url, people[number % len(people)], rooms[number % room_count]) for number in range(clients)
    ]
    over_sending = asyncio.Event()
    connected = [asyncio.ensure_future(client.follow()) for client in clients_in_rooms]
    senders = clients_in_rooms[: room_count * SENDERS_A_ROOM]
    sending = [asyncio.ensure_future(client.send(over_sending)) for client in senders]
    by_room: dict[str, list[RoomClient]] = {}
    for client in clients_in_rooms:
        by_room.setdefault(client.room_id, []).append(client)

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
        acked = sorted(seq for client in members for seq in client.acked)
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
