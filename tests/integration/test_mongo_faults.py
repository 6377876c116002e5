"""A server whose MongoDB is misconfigured, away, paused, or in use by another process."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import re
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymongo
import pytest
from msgspec import Struct
from pymongo.database import Database as RawDatabase

from app import settings
from app.composition import storage
from app.settings import SettingsError
from tests.support.client import ChatConnection, CommandRefused, Person, call, chat, register
from tests.support.mongo import MongoServer
from tests.support.server import ServerProcess, command, free_port, serving
from tests.support.waiting import poll

SECRET = "a secret of the tests, thirty-two bytes or more"


@pytest.fixture(scope="module")
def shared_mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """The module's MongoDB server, with durable data. A test that stops it starts it again."""
    server = MongoServer(tmp_path_factory.mktemp("mongo"))
    try:
        yield server.start()
    finally:
        server.stop()


class MongoDatabase(Struct, frozen=True):
    """The module's MongoDB server, with a database for one test."""

    server: MongoServer
    database: str

    @property
    def uri(self) -> str:
        return self.server.uri

    def env(self, **more: str) -> dict[str, str]:
        """The variables that make a server use it, with 5 s of server selection: many servers may start at once."""
        return env_of(self.uri, **{"MONGO_DB_NAME": self.database, "MONGO_SERVER_SELECTION_TIMEOUT": "5000", **more})

    @contextmanager
    def stopped(self) -> Iterator[None]:
        self.server.stop()
        try:
            yield
        finally:
            self.server.start()

    @contextmanager
    def raw_database(self) -> Iterator[RawDatabase[dict[str, Any]]]:
        """The database through PyMongo, without the server under test."""
        with pymongo.MongoClient[dict[str, Any]](self.uri) as client:
            yield client[self.database]


@pytest.fixture
def mongo(shared_mongo: MongoDatabase, tmp_path: Path) -> MongoDatabase:
    return MongoDatabase(shared_mongo, tmp_path.name[:60])


def env_of(uri: str, **more: str) -> dict[str, str]:
    return {"MONGO_URI": uri, "JWT_SECRET": SECRET, "MONGO_SERVER_SELECTION_TIMEOUT": "1000", **more}


def refused_start(env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    run = command("serve", "--port", str(free_port()), env=env)
    assert "Traceback" not in run.stderr, run.stderr
    return run


# ---- the start ---------------------------------------------------------------------------------------------------


def test_a_server_that_is_down_is_waited_for_and_then_refused_in_one_line(tmp_path: Path) -> None:
    began = time.monotonic()
    run = refused_start(env_of(f"mongodb://user:hunter2@127.0.0.1:{free_port()}/"))
    assert time.monotonic() - began >= 1.0
    lines = [line for line in run.stderr.splitlines() if "database server" not in line]
    assert (run.returncode, len(lines)) == (1, 1), run.stderr
    assert "hunter2" not in run.stderr


NO_URI = "mongodb://user:hunter2@@127.0.0.1/"


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://127.0.0.1:1/?readPreference=nonsense",
        NO_URI,
        "mongodb://127.0.0.1:x/",
        "mongodb://127.0.0.1:1/?w=majority&authMechanism=nonsense",
    ],
)
def test_a_uri_that_cannot_be_one_is_refused_in_one_line(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTOR_MAX_WORKERS", "10")  # otherwise it stays set for the tests that follow
    with pytest.raises(SettingsError) as refused:
        storage.validate(settings.load({}, env_of(uri)))
    assert str(refused.value).isprintable()
    assert "hunter2" not in str(refused.value)


def test_a_start_with_a_uri_that_cannot_be_one_ends_with_that_line() -> None:
    run = refused_start(env_of(NO_URI))
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1, run.stderr
    assert "hunter2" not in run.stderr


def test_a_certificate_that_is_not_there_is_refused_in_one_line() -> None:
    run = refused_start(env_of("mongodb://user:hunter2@127.0.0.1:1/?tls=true&tlsCAFile=/nonexistent/ca.pem"))
    assert (run.returncode, run.stderr.count("\n")) == (1, 1), run.stderr
    assert "MONGO_URI names a file" in run.stderr and "/nonexistent/ca.pem" in run.stderr
    assert "hunter2" not in run.stderr


def test_wrong_credentials_are_refused_in_one_line(mongo: MongoDatabase) -> None:
    run = refused_start(env_of(mongo.uri.replace("//", "//user:hunter2@")))
    lines = [line for line in run.stderr.splitlines() if "database server" not in line]
    assert (run.returncode, len(lines)) == (1, 1), run.stderr
    assert "hunter2" not in run.stderr


def test_a_server_that_comes_up_while_it_is_waited_for_is_used(mongo: MongoDatabase, tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", mongo.env(MONGO_SERVER_SELECTION_TIMEOUT="60000"))
    try:
        with mongo.stopped():
            server.spawn()
            poll(lambda: "database server" in server.log())  # it has checked
        await_ready(server, 60)
    finally:
        server.stop()


def test_an_index_of_another_kind_is_named_in_one_line(mongo: MongoDatabase) -> None:
    with mongo.raw_database() as database:
        database.messages.create_index([("roomId", 1), ("seq", -1)], name="room_seq")
    run = refused_start(mongo.env())
    assert (run.returncode, run.stderr.splitlines()[-1].count("messages.room_seq")) == (1, 1), run.stderr


def test_check_tells_of_the_database_and_of_an_index_that_differs(mongo: MongoDatabase) -> None:
    well = command("check", env=mongo.env())
    assert well.returncode == 0, well.stdout
    names = ["settings", "store", "indexes", "alerts", "descriptors"]
    assert [line.split(":")[0] for line in well.stdout.splitlines()] == [f"ok   {name}" for name in names]
    with mongo.raw_database() as database:
        assert database.list_collection_names() == [], "it changes nothing"
        database.messages.create_index([("roomId", 1), ("seq", -1)], name="room_seq")
    assert "FAIL indexes: messages.room_seq" in command("check", env=mongo.env()).stdout
    stopped = command("check", env=env_of(f"mongodb://user:hunter2@127.0.0.1:{free_port()}/"))
    assert stopped.returncode == 1
    assert [line.split()[1] for line in stopped.stdout.splitlines() if line.startswith("FAIL")] == [
        "store:",
        "indexes:",
    ]
    assert "hunter2" not in stopped.stdout


# ---- the lease ---------------------------------------------------------------------------------------------------


def test_a_second_process_on_the_database_is_refused(mongo: MongoDatabase, tmp_path: Path) -> None:
    with serving(tmp_path / "data", mongo.env()) as server:
        run = refused_start(mongo.env())
        assert (run.returncode, "in use by another process" in run.stderr) == (1, True), run.stderr
        assert call(server.url, "GET", "/health/ready").status == 200
    with serving(tmp_path / "data", mongo.env()):
        pass  # a process that stops releases the lease: no wait


def test_who_has_lost_the_lease_ends(mongo: MongoDatabase, tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", mongo.env()).start()
    try:
        with mongo.raw_database() as database:
            database.leases.update_one({}, {"$set": {"holder": "somebody else"}})
        assert server.wait(40) == 1
        assert "lease" in server.log()
    finally:
        server.stop()


# ---- away, and back ----------------------------------------------------------------------------------------------


def await_ready(server: ServerProcess, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if call(server.url, "GET", "/health/ready").status == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)  # the poll's pace; the condition is the readiness
    raise AssertionError(server.log())


def test_while_it_is_away_the_server_says_so_and_is_itself_again_afterwards(
    mongo: MongoDatabase, tmp_path: Path
) -> None:
    with serving(tmp_path / "data", mongo.env(STORE_TIMEOUT="15000", MONGO_SERVER_SELECTION_TIMEOUT="3000")) as server:
        ada = register(server.url)
        room = ada.make_room()["id"]
        ada.post(room, "before", clientId="c1")
        body = {"roomId": room, "content": "meanwhile", "clientId": "c2"}
        with mongo.stopped():
            refused = ada.call("POST", "/messages", body)
            assert (refused.status, refused.code in {"unavailable", "timeout"}) == (503, True)
            assert "retry-after" in refused.headers or refused.code == "timeout"
            assert call(server.url, "GET", "/health/ready").status == 503
            health = call(server.url, "GET", "/health/database")
            assert (health.status, health.json["status"]) == (503, "unhealthy")
            assert call(server.url, "GET", "/health").status == 200
            assert call(server.url, "GET", "/").status == 200
        await_ready(server, 60)
        assert ada.call("POST", "/messages", body).status in (200, 201)
        again = ada.call("POST", "/messages", body)
        assert (again.status, again.json["duplicate"]) == (200, True)
        messages = ada.call("GET", "/messages", roomId=room).json["messages"]
        assert [(message["seq"], message["clientId"]) for message in messages] == [(1, "c1"), (2, "c2")]
        # the health route checks once a second at most
        poll(lambda: call(server.url, "GET", "/health/database").json["status"] == "healthy")
    changes = re.findall(r"database server server=\S+ is=(\S+)", server.log())
    assert (changes[0], changes[-1]) == ("writable", "writable")
    assert "unreachable" in changes
    assert all(one != other for one, other in itertools.pairwise(changes)), "one line a change"


class HealthPoller:
    """Requests /health repeatedly on a thread, and records how many seconds each reply took.

    Where a JVM, the server and this process share two cores, a reply takes over 100 ms now and then; with a blocked
    event loop it takes seconds.
    """

    def __init__(self, server: ServerProcess) -> None:
        self._port = server.port
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.seconds: list[float] = []

    def __enter__(self) -> HealthPoller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            while not self._over.wait(0.02):
                began = time.perf_counter()
                connection.request("GET", "/health")
                connection.getresponse().read()
                self.seconds.append(time.perf_counter() - began)


async def send_until_acked(one: ChatConnection, room: str, numbers: range) -> list[dict[str, object]]:
    """Send messages one after another, each again until it is acked."""
    acked = []
    for number in numbers:
        while True:
            try:
                acked.append(
                    (await one.command("sendMessage", roomId=room, content="x", clientId=f"c{number}"))["message"]
                )
                break
            except CommandRefused as refused:
                assert refused.data["retryable"], refused.data
                assert refused.code in {"timeout", "unavailable"}
                await asyncio.sleep(0.05)  # a client's pace
    return acked


async def reports_unhealthy(url: str, path: str, within_s: float) -> bool:
    """Whether this health route replies 503 within `within_s`. It caches its result for a second."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if (await asyncio.to_thread(call, url, "GET", path)).status == 503:
            return time.monotonic() < until
    return False


@pytest.mark.slow
@pytest.mark.gen_test
async def test_stopped_for_ten_seconds_it_holds_up_nobody_who_does_not_need_it_and_loses_nothing(
    mongo: MongoDatabase, tmp_path: Path
) -> None:
    env = mongo.env(WS_PING_INTERVAL="1", WS_PING_TIMEOUT="9", RATE_LIMIT_MESSAGES="off")
    with serving(tmp_path / "data", env) as server:
        people: list[Person] = [register(server.url) for _ in range(4)]
        room = people[0].make_room()["id"]
        async with (
            chat(server.ws_url, people[0]) as a,
            chat(server.ws_url, people[1]) as b,
            chat(server.ws_url, people[2]) as c,
        ):
            senders = (a, b, c)
            for one in senders:
                await one.command("joinRoom", roomId=room)
            with HealthPoller(server) as pulse:
                sending = [
                    asyncio.ensure_future(send_until_acked(one, room, range(number * 1000, number * 1000 + 200)))
                    for number, one in enumerate(senders)
                ]
                await a.until(lambda: len(a.named("receiveMessage")) > 50)
                mongo.server.pause()
                until = time.monotonic() + 10
                for path in ("/health/ready", "/health/database"):
                    assert await reports_unhealthy(server.url, path, 30)
                await asyncio.sleep(
                    max(0.0, until - time.monotonic())
                )  # the fault: the server is paused for ten seconds
                mongo.server.resume()
                acked = [message for part in await asyncio.wait_for(asyncio.gather(*sending), 80) for message in part]
            assert [one.close_code for one in senders] == [None] * 3
            await a.until(lambda: len(a.named("receiveMessage")) == 600)
            assert [message["seq"] for message in a.named("receiveMessage")] == list(range(1, 601))
        assert len({message["seq"] for message in acked}) == len(acked) == 600
        found = []
        while page := people[0].call("GET", "/messages", roomId=room, limit=100, after=len(found)).json["messages"]:
            found += page
        assert [message["seq"] for message in found] == list(range(1, 601))
        assert len({(message["userId"], message["clientId"]) for message in found}) == 600
        assert len(pulse.seconds) > 100
        assert max(pulse.seconds) < 9, sorted(pulse.seconds)[-10:]  # of ten seconds
