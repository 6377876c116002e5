"""Several server processes on one DATA_DIR with a redis-server, all started by the bench and stopped by it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import psutil

from bench.delivery_checker import Failures
from bench.measured_server import MeasuredServer
from bench.redis_process import UNSET, RedisProcess
from bench.server_process import ServerProcess


class Cluster:
    """A context manager; on leaving, every process is stopped and the directory is removed, also after an error.

    Without Redis there may be only one process.
    """

    def __init__(
        self,
        processes: int,
        *,
        with_redis: bool = True,
        environ: Mapping[str, str] | None = None,
        failures: Failures,
    ) -> None:
        self._count = processes
        self._environ = environ or {}
        self._failures = failures
        self._stack = ExitStack()
        self.redis = RedisProcess() if with_redis else None
        self.servers: list[MeasuredServer] = []

    def __enter__(self) -> Cluster:
        with ExitStack() as stack:
            data_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chat-rooms-bench-")))
            redis = UNSET if self.redis is None else stack.enter_context(self.redis).environ
            environ = {**redis, **self._environ}
            for _ in range(self._count):
                one = ServerProcess(environ=environ, failures=self._failures, data_dir=data_dir)
                started = stack.enter_context(one)
                self.servers.append(MeasuredServer(started.address, psutil.Process(started.pid)))
            self._stack = stack.pop_all()  # only when all have started: an error before this stops those that did
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._stack.close()
