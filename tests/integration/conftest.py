"""Fixtures of the integration tests: real server processes on each store, shared by a module or one test's own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.client import call
from tests.support.mongo import drop_database
from tests.support.redis_server import RedisServer, running_redis
from tests.support.server import ServerProcess, serving
from tests.support.waiting import poll

Start = Callable[..., ServerProcess]
StoreEnv = Callable[[Path], Mapping[str, str]]
Processes = tuple[ServerProcess, ServerProcess]
# A killed Redis closes its connections, which is noticed at once whatever the timeout.
LONG_REDIS_TIMEOUT = {"REDIS_TIMEOUT": "5000"}
JWT = {"JWT_SECRET": "a secret of the tests, thirty-two bytes or more"}
TWO_SERVERS_ENV = {**JWT, "RATE_LIMIT_MESSAGES": "off", "RATE_LIMIT_TYPING": "off", **LONG_REDIS_TIMEOUT}


@pytest.fixture(scope="module", params=["sqlite", "mongo"])
def store_env(request: pytest.FixtureRequest) -> Iterator[StoreEnv]:
    """A function from a DATA_DIR to the variables that choose the store. On MongoDB each DATA_DIR has its own database.

    Tests of DATA_DIR itself are marked `embedded`.
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
    """The embedded store only. A module whose tests need no other store assigns it to its own `store_env`."""
    return lambda data_dir: {}


embedded = pytest.mark.parametrize("store_env", ["sqlite"], indirect=True, scope="module")
_STORES = ["sqlite", pytest.param("mongo", marks=pytest.mark.slow)]
# On MongoDB a killed process keeps its lease for 10 s.
slow_on_mongo = pytest.mark.parametrize("store_env", _STORES, indirect=True, scope="module")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, store_env: StoreEnv) -> Iterator[ServerProcess]:
    """A server that the module's tests share."""
    data_dir = tmp_path_factory.mktemp("shared") / "data"
    with serving(data_dir, store_env(data_dir)) as process:
        yield process


@pytest.fixture
def start(tmp_path: Path, store_env: StoreEnv) -> Iterator[Start]:
    """A function that starts a server for one test: `start(VARIABLE="value", …)`."""
    numbers = itertools.count()
    with ExitStack() as processes:

        def start_server(data_dir: Path | None = None, /, **env: str) -> ServerProcess:
            folder = data_dir or tmp_path / f"data{next(numbers)}"
            return processes.enter_context(serving(folder, {**store_env(folder), **env}))

        yield start_server


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path / "redis") as server:
        yield server


def start_two_processes(stack: ExitStack, data_dir: Path, env: Mapping[str, str]) -> Processes:
    """Start two processes with the same environment. The stack stops them."""
    first, second = (stack.enter_context(serving(data_dir, env)) for _ in range(2))
    until_redis_is_connected(first, second)
    return first, second


def until_redis_is_connected(*processes: ServerProcess) -> None:
    """Wait until each process reports a healthy connection to Redis."""
    for one in processes:
        poll(lambda one=one: call(one.url, "GET", "/health/cache").json["status"] == "healthy")


@pytest.fixture
def start_two_servers(tmp_path: Path, store_env: StoreEnv, redis: RedisServer) -> Iterator[Callable[..., Processes]]:
    """A function that starts two processes on one store and one Redis: `start_two_servers(VARIABLE="value", …)`."""
    with ExitStack() as stack:

        def start_server(**env: str) -> Processes:
            data_dir = tmp_path / "data"
            return start_two_processes(stack, data_dir, {**store_env(data_dir), **redis.env, **TWO_SERVERS_ENV, **env})

        yield start_server


@pytest.fixture(scope="module")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that the module's tests share. A test that stops it starts it again."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def shared_two_servers(
    tmp_path_factory: pytest.TempPathFactory, store_env: StoreEnv, shared_redis: RedisServer
) -> Iterator[Processes]:
    """Two processes on one store and one Redis that the module's tests share. Each test uses users and rooms of its
    own.
    """
    data_dir = tmp_path_factory.mktemp("two") / "data"
    with ExitStack() as stack:
        yield start_two_processes(stack, data_dir, {**store_env(data_dir), **shared_redis.env, **TWO_SERVERS_ENV})


@pytest.fixture
def two_servers(shared_two_servers: Processes, shared_redis: RedisServer) -> Processes:
    """The module's two processes, running and connected to Redis, whatever the previous test did to them."""
    restore_all(shared_two_servers, shared_redis)
    return shared_two_servers


def restore_all(processes: Processes, redis: RedisServer) -> None:
    """Start what is not running, and wait until the processes are connected to Redis."""
    for one in (redis, *processes):
        if not one.is_running:
            one.start()
    until_redis_is_connected(*processes)
