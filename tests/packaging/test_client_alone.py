"""The client of a wheel, in an environment that has nothing else: none of the server's dependencies."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.client import register
from tests.support.dockerfile import build_context
from tests.support.package import environ_without_coverage
from tests.support.server import ROOT, serving

pytestmark = pytest.mark.slow

PROGRAM = """
import asyncio, sys
from chat_rooms.client import ChatClient

async def main(url, token, room_id):
    async with ChatClient(url, token=token) as chat:
        room = await chat.join(room_id)
        await room.send("from an empty environment")
        async for message in room.messages():
            print(message.seq, message.content)
            break

asyncio.run(main(*sys.argv[1:]))
print(sorted({name.split(".")[0] for name in sys.modules} - sys.stdlib_module_names - {"__main__"}))
"""


def test_the_client_needs_nothing_of_what_the_server_does(tmp_path: Path) -> None:
    for path in build_context():
        copy = tmp_path / "source" / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    build = (*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, tmp_path / "source")
    subprocess.run(build, env=environ_without_coverage(), check=True)
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([*pip, "--python", python, "install", "--no-deps", wheel], check=True)
    with serving(tmp_path / "data") as server:
        ada = register(server.url)
        room_id = ada.make_room()["id"]
        done = subprocess.run(
            [python, "-W", "error", "-c", PROGRAM, server.url, ada.access_token, room_id],
            env=environ_without_coverage(),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.splitlines() == ["1 from an empty environment", "['chat_rooms']"]
