"""The JavaScript modules under Node's test runner, and the client library in Node against a real server."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.node_packages import NPM, NPM_MISSING, install_ws
from tests.support.server import ServerProcess

HERE = Path(__file__).parent
NODE = shutil.which("node")
ENDED_WITHIN_S = 300  # --test starts a process for each file: 12 s, and five times as long on a loaded machine
ANSWER_TIMEOUT_S = 15.0  # web/client/reconnecting-connection.js

pytestmark = [pytest.mark.node, pytest.mark.skipif(NODE is None, reason="needs Node.js 20: apt-get install nodejs")]


def node(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert NODE is not None
    return subprocess.run(
        [NODE, *arguments], cwd=HERE, capture_output=True, text=True, timeout=ENDED_WITHIN_S, check=False
    )


def test_the_module_tests_pass_in_node() -> None:
    files = sorted(str(path) for path in HERE.glob("*.test.mjs"))
    run = node("--test", *files)
    failed = [part for part in run.stdout.split("# Subtest: ") if "\nnot ok" in part]
    assert run.returncode == 0, "\n".join([*failed, run.stdout[-1000:], run.stderr[-1000:]])
    assert len(files) >= 5


def test_two_clients_in_node_exchange_messages_through_a_server(server: ServerProcess) -> None:
    run = node("--experimental-websocket", "client-conversation.mjs", server.url, "node")
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads(run.stdout)
    assert result["ann"] == result["bob"] == [f"message {number}" for number in range(20)]
    assert result["seqs"] == list(range(1, 21))
    assert result["unread"] == [20, 0]


def test_changed_messages_mentions_and_settings_reach_the_clients_in_node(server: ServerProcess) -> None:
    run = node("--experimental-websocket", "client-changes.mjs", server.url, "nodes")
    assert run.returncode == 0, run.stdout + run.stderr
    result = json.loads(run.stdout)
    assert result["shown"] == [["first, edited", None, None]] * 2
    assert result["isSame"]
    assert result["found"] == [result["first"]]


@pytest.mark.parametrize("websocket", ["built-in", "ws"])
def test_a_client_in_node_uploads_by_fetch_and_a_closed_one_keeps_nothing_alive(
    server: ServerProcess, tmp_path: Path, websocket: str
) -> None:
    if websocket == "ws" and NPM is None:
        pytest.skip(NPM_MISSING)
    packages = [str(install_ws(tmp_path))] if websocket == "ws" else []
    options = [] if packages else ["--experimental-websocket"]
    started_s = time.monotonic()
    run = node(*options, "client-closes.mjs", server.url, f"closer-{websocket}", *packages)
    assert run.returncode == 0, run.stdout + run.stderr
    assert time.monotonic() - started_s < ANSWER_TIMEOUT_S, "it ended by itself, not after its last timer"
    assert json.loads(run.stdout) == {
        "name": "a.txt",
        "progress": [{"sent": 5, "total": 5}],
        "text": "hello",
        "isResumed": True,
    }
