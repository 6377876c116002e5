"""A process with few file descriptors, and clients that open idle connections: others are not affected."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.support.client import call, chat, register
from tests.support.server import ROOT, ServerProcess
from tests.support.waiting import until

ALLOWED = 64
IDLE = 80
WATCHED_S = 3.0


def under_descriptor_limit(*arguments: str) -> list[str]:
    """The command that runs server.py with ALLOWED descriptors as the hard limit and half of that as the soft limit."""
    limited = f'ulimit -Sn {ALLOWED // 2}; ulimit -Hn {ALLOWED}; exec "$@"'
    return ["sh", "-c", limited, "sh", sys.executable, str(ROOT / "server.py"), *arguments]


class DescriptorLimitedServer(ServerProcess):
    """A server that may open ALLOWED descriptors."""

    def spawn(self) -> subprocess.Popen[bytes]:
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                under_descriptor_limit("serve"), env=self._env, stdout=log, stderr=log, cwd=ROOT
            )
        return self._process


@pytest.fixture(scope="module")
def limited_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DescriptorLimitedServer]:
    server = DescriptorLimitedServer(tmp_path_factory.mktemp("narrow") / "data", {"MONITOR_INTERVAL": "0.5"})
    try:
        yield server.start()
    finally:
        server.stop()
    server.assert_log_is_clean()


@pytest.mark.gen_test(timeout=300)
async def test_accepting_pauses_while_what_is_connected_goes_on(limited_server: DescriptorLimitedServer) -> None:
    ada = register(limited_server.url)
    room = ada.make_room()["id"]
    process = psutil.Process(limited_server.pid)
    async with chat(limited_server.ws_url, ada) as a:
        await a.command("joinRoom", roomId=room)
        with ExitStack() as idle:
            for _ in range(IDLE):
                idle.enter_context(socket.create_connection(("127.0.0.1", limited_server.port)))
            await until(lambda: "accepting pauses" in limited_server.log())
            before_s, began_s, logged = sum(process.cpu_times()[:2]), time.monotonic(), len(limited_server.log())
            while time.monotonic() < began_s + WATCHED_S:
                await a.command("sendMessage", roomId=room, content="x")
                await asyncio.sleep(0.1)
            share = (sum(process.cpu_times()[:2]) - before_s) / (time.monotonic() - began_s)
            assert share < 0.5, "who asks again each turn takes all there is"
            assert len(limited_server.log()) - logged < 20_000, "and writes megabytes"
            assert process.num_fds() < ALLOWED, "something is left for an upload, or Redis"
        reply = await asyncio.to_thread(call, limited_server.url, "GET", "/health")
        assert reply.status == 200
        async with chat(limited_server.ws_url, ada) as b:
            await b.command("joinRoom", roomId=room)
    assert limited_server.log().count("accepting pauses") == 1


def test_the_soft_limit_is_raised_and_what_is_still_too_little_is_said(limited_server: DescriptorLimitedServer) -> None:
    assert psutil.Process(limited_server.pid).rlimit(psutil.RLIMIT_NOFILE) == (ALLOWED, ALLOWED)
    (line,) = [line for line in limited_server.log().splitlines() if "too few descriptors" in line]
    assert "WARNING" in line
    assert f"allowed={ALLOWED} needed=17000" in line


def test_the_check_fails_where_the_limit_does_not_cover_the_connections(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path / "data")}
    run = subprocess.run(
        under_descriptor_limit("check"), env=env, capture_output=True, text=True, timeout=120, cwd=ROOT, check=False
    )
    assert run.returncode == 1
    assert [line for line in run.stdout.splitlines() if line.startswith("FAIL")] == [
        (
            "FAIL descriptors: 64 allowed, 17000 needed (WS_MAX_CONNECTIONS and 7000 more): raise "
            "the hard limit (ulimit -Hn, LimitNOFILE=)"
        )
    ]
