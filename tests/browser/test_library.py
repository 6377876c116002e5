"""chat.js without a browser: its pure parts under Node's own runner, and the whole of it under Node against a real
server.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.server import ServerProcess

HERE = Path(__file__).parent
NODE = shutil.which("node")

pytestmark = [pytest.mark.node, pytest.mark.skipif(NODE is None, reason="needs Node.js 20: apt-get install nodejs")]


def node(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert NODE is not None
    return subprocess.run([NODE, *arguments], cwd=HERE, capture_output=True, text=True, timeout=60, check=False)


def test_the_pure_parts_do_what_their_tests_say() -> None:
    files = sorted(str(path) for path in HERE.glob("*.test.mjs"))
    run = node("--test", *files)
    assert run.returncode == 0, run.stdout[-6000:]
    assert len(files) >= 5


def test_the_library_talks_to_a_real_server_from_node(server: ServerProcess) -> None:
    run = node("--experimental-websocket", "talk.mjs", server.url, "node")
    assert run.returncode == 0, run.stdout + run.stderr
    said = json.loads(run.stdout)
    assert said["ann"] == said["bob"] == [f"message {number}" for number in range(20)]
    assert said["seqs"] == list(range(1, 21))
    assert said["unread"] == [20, 0]
