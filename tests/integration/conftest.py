"""Fixtures of the integration tests: a real process, shared by a module or of a test's own, on each store."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.client import Person, call
from tests.support.mongo import drop_database
from tests.support.redis_server import RedisServer, running_redis
from tests.support.server import ServerProcess, serving
from tests.support.waiting import poll

Start = Callable[..., ServerProcess]
StoreEnv = Callable[[Path], Mapping[str, str]]
Processes = tuple[ServerProcess, ServerProcess]
# One that is killed closes its connections: that is seen at once all the same
PATIENT_WITH_REDIS = {"REDIS_TIMEOUT": "5000"}
JWT = {"JWT_SECRET": "a secret of the tests, thirty-two bytes or more"}
OF_TWO = {**JWT, "RATE_LIMIT_MESSAGES": "off", "RATE_LIMIT_TYPING": "off", **PATIENT_WITH_REDIS}


@pytest.fixture(scope="module", params=["sqlite", "mongo"])
def store_env(request: pytest.FixtureRequest) -> Iterator[StoreEnv]:
    """The variables that choose the store, for a DATA_DIR: on MongoDB it stands for a database of its own.

    What is about DATA_DIR itself is marked `embedded`.
    """
    if request.param == "sqlite":
        yield lambda data_dir: {}
        return
    uri = request.getfixturevalue("mongo_uri")
    databases: set[str] = set()

    def on_mongo(data_dir: Path) -> Mapping[str, str]:
        name = "-".join(data_dir.parts[-3:])[-60:]  # with the worker's part: several may have one MONGO_URI
        databases.add(name)
        return {"MONGO_URI": uri, "MONGO_DB_NAME": name, **JWT}

    yield on_mongo
    for name in databases:
        drop_database(uri, name)


@pytest.fixture(scope="module")
def embedded_store() -> StoreEnv:
    """What a module whose tests all need no other store takes for its own `store_env`, with the reason beside it."""
    return lambda data_dir: {}


embedded = pytest.mark.parametrize("store_env", ["sqlite"], indirect=True, scope="module")
_SLOW_ON_MONGO = ["sqlite", pytest.param("mongo", marks=pytest.mark.slow)]
# Who was killed has the lease for 10 s
slow_on_mongo = pytest.mark.parametrize("store_env", _SLOW_ON_MONGO, indirect=True, scope="module")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, store_env: StoreEnv) -> Iterator[ServerProcess]:
    """A server that the module's tests share."""
    data_dir = tmp_path_factory.mktemp("shared") / "data"
    with serving(data_dir, store_env(data_dir)) as process:
        yield process


@pytest.fixture
def start(tmp_path: Path, store_env: StoreEnv) -> Iterator[Start]:
    """Starts servers of a test's own: `start(VARIABLE="value", …)`."""
    numbers = itertools.count()
    with ExitStack() as processes:

        def begin(data_dir: Path | None = None, /, **env: str) -> ServerProcess:
            folder = data_dir or tmp_path / f"data{next(numbers)}"
            return processes.enter_context(serving(folder, {**store_env(folder), **env}))

        yield begin


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path / "redis") as server:
        yield server


def start_both(stack: ExitStack, data_dir: Path, env: Mapping[str, str]) -> Processes:
    """Start two processes with the same environment, for as long as the stack."""
    first, second = (stack.enter_context(serving(data_dir, env)) for _ in range(2))
    await_redis(first, second)
    return first, second


def await_redis(*processes: ServerProcess) -> None:
    """Wait until each of them is one with its Redis."""
    for one in processes:
        poll(lambda one=one: call(one.url, "GET", "/health/cache").json["status"] == "healthy")


@pytest.fixture
def start_two(tmp_path: Path, store_env: StoreEnv, redis: RedisServer) -> Iterator[Callable[..., Processes]]:
    """Starts two processes on one store and one Redis: `start_two(VARIABLE="value", …)`."""
    with ExitStack() as stack:

        def begin(**env: str) -> Processes:
            data_dir = tmp_path / "data"
            return start_both(stack, data_dir, {**store_env(data_dir), **redis.env, **OF_TWO, **env})

        yield begin


@pytest.fixture(scope="module")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that the module's tests share: who stops it starts it again."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def shared_two(
    tmp_path_factory: pytest.TempPathFactory, store_env: StoreEnv, shared_redis: RedisServer
) -> Iterator[Processes]:
    """Two processes on one store and one Redis that the module's tests share, each test with people and rooms of its
    own.
    """
    data_dir = tmp_path_factory.mktemp("two") / "data"
    with ExitStack() as stack:
        yield start_both(stack, data_dir, {**store_env(data_dir), **shared_redis.env, **OF_TWO})


@pytest.fixture
def two(shared_two: Processes, shared_redis: RedisServer) -> Processes:
    """The shared two, well, whatever the test before has done to them and to their Redis."""
    make_well(shared_two, shared_redis)
    return shared_two


def make_well(processes: Processes, redis: RedisServer) -> None:
    """Start what is not running, and wait until all of it is one."""
    for one in (redis, *processes):
        if not one.is_running:
            one.start()
    await_redis(*processes)


def also_at(person: Person, server: ServerProcess) -> Person:
    """The same person, who speaks with another process."""
    return Person(server.url, person.user, person.access_token, person.refresh_token)
