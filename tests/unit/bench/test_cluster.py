"""A cluster of the bench's own: one chat server while it is there, and nothing when it is not."""

from __future__ import annotations

import tempfile
from pathlib import Path

import psutil
import pytest

from bench import redis_process, rest_client
from bench import server_process as process_module
from bench.cluster import Cluster
from bench.delivery_checker import Failures
from bench.errors import BenchError
from bench.redis_process import RedisProcess
from bench.server_process import ServerProcess

pytestmark = pytest.mark.bench


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where everything temporary is made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def children() -> list[psutil.Process]:
    started = psutil.Process().children(recursive=True)
    return [one for one in started if one.name() == "redis-server" or "server.py" in one.cmdline()]


def test_its_processes_are_one_chat_server_and_leave_nothing(folder: Path) -> None:
    failures = Failures()
    with Cluster(2, failures=failures) as cluster:
        first, second = (server.address for server in cluster.servers)
        assert first != second
        assert {rest_client.call(address, "GET", "/health")["cache"] for address in (first, second)} == {"redis"}
        room_id = rest_client.make_room(first, token := rest_client.register(first))
        assert rest_client.call(second, "GET", f"/rooms/{room_id}", token=token)["room"]["id"] == room_id
        assert all((server.cpu_s() or 0) > 0 for server in cluster.servers)
        assert cluster.redis is not None
        assert cluster.redis.cpu_s() >= 0
        assert len(children()) == 3
    assert failures.kept == []
    assert children() == []
    assert list(folder.iterdir()) == []


def test_without_redis_it_is_one_process_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_HOST", "192.0.2.1")
    monkeypatch.setenv("MONGO_URI", "mongodb://192.0.2.1")
    failures = Failures()
    with Cluster(1, with_redis=False, failures=failures) as cluster:
        health = rest_client.call(cluster.servers[0].address, "GET", "/health")
        assert (health["store"], health["cache"], cluster.redis) == ("sqlite", "memory", None)
    assert failures.kept == []


def test_what_was_started_is_stopped_when_a_later_process_does_not_start(folder: Path) -> None:
    with pytest.raises(BenchError, match=r"the server did not start: .* is in use by another process"):
        Cluster(2, with_redis=False, failures=Failures()).__enter__()
    assert children() == []
    assert list(folder.iterdir()) == []


def test_a_process_that_dies_is_a_failure() -> None:
    failures = Failures()
    with Cluster(1, failures=failures) as cluster:
        process = cluster.servers[0].process
        assert process is not None
        process.kill()
    assert len(failures.kept) == 1
    assert "exit -9" in failures.kept[0]


def test_redis_counts_what_it_was_sent() -> None:
    with RedisProcess() as redis:
        before = redis.calls("ping")
        with RedisProcess():
            pass
        assert (before >= 1, redis.calls("ping") - before, redis.calls("publish")) == (True, 0, 0)
    with pytest.raises(BenchError, match="redis-server died"):
        redis.cpu_s()


def test_without_redis_server_it_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(BenchError, match=r"\Aredis-server is not on PATH .*\Z"), RedisProcess():
        pass


def test_a_bench_that_was_told_to_stop_in_the_middle_of_a_poll_ends_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module, name in (
        (redis_process, "_STOP_WITHIN_S"),
        (redis_process, "KILLED_WITHIN_S"),
        (process_module, "KILLED_WITHIN_S"),
    ):
        monkeypatch.setattr(module, name, 0.1)
    failures = Failures()
    with pytest.raises(KeyboardInterrupt), ServerProcess(failures=failures) as server, RedisProcess() as redis:
        for one in (server.process, redis._process):
            assert one is not None
            one._waitpid_lock.acquire()  # type: ignore[attr-defined]  # as a signal's exception leaves it
        monkeypatch.setattr(process_module, "_STOP_WITHIN_S", 0.1)
        raise KeyboardInterrupt
    for one in (server.process, redis._process):
        assert one is not None
        one._waitpid_lock.release()  # type: ignore[attr-defined]
        assert one.wait(5) is not None
