"""The commands of examples/README.md, pasted as they stand into a shell in an empty folder."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.client import call
from tests.support.package import environ_without_coverage
from tests.support.server import ROOT, free_port
from tests.support.waiting import poll

pytestmark = pytest.mark.slow

PASSWORD = "correct horse"


def test_a_new_user_installs_serves_and_has_the_bots_in_a_room(tmp_path: Path) -> None:
    empty, port = tmp_path / "empty", free_port()
    empty.mkdir()
    url = f"http://127.0.0.1:{port}"
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "examples" / "README.md").read_text(), re.DOTALL)
    script = "".join(blocks).replace("http://127.0.0.1:8000", url).replace("../chat-rooms", str(copied(tmp_path)))
    assert script.count("127.0.0.1") >= 3
    # What a person sees: that the server is there, before the next block is pasted
    waiting = f"until curl -sf {url}/health/ready > /dev/null; do sleep 0.1; done\n"
    script = script.replace("chat-rooms serve &", f"chat-rooms serve &\n{waiting}")
    said = "until grep -q listens said; do sleep 0.1; done\n"
    script = re.sub(r"(python \S*echo_bot.py) &\n", rf"\1 > said &\n{said}", script)
    # On a busy machine the server would shed reads; and this test logs in again and again.
    unlimited = {"RATE_LIMIT_ADAPTIVE": "false", "RATE_LIMIT_AUTH": "off"}
    env = {**environ_without_coverage(), **unlimited, "PORT": str(port), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with (tmp_path / "log").open("wb") as log:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", f"{script}\nwait"],
            cwd=empty,
            env=env,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        poll(lambda: contents(url, shell, tmp_path) == ["!echo Hello, bot", "Hello, bot", "disk almost full"], 300)
    finally:
        os.killpg(shell.pid, signal.SIGTERM)  # the shell, the server and the bots
        shell.wait(60)


def copied(folder: Path) -> Path:
    """A copy of the checkout's files that git knows: pip builds in the folder that it is given."""
    copy = folder / "chat-rooms"
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    for name in filter(None, map(bytes.decode, names)):
        if (ROOT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    return copy


def contents(url: str, shell: subprocess.Popen[bytes], folder: Path) -> list[str]:
    """What is in ada's room. Raises AssertionError where the shell has ended."""
    assert shell.poll() is None, (folder / "log").read_text()
    try:
        login = call(url, "POST", "/auth/login", {"username": "ada", "password": PASSWORD})
    except OSError:
        return []
    if login.status != 200:
        return []
    token = login.json["accessToken"]
    rooms = call(url, "GET", "/rooms", token=token, mine="true").json["rooms"]
    if not rooms:
        return []
    messages = call(url, "GET", "/messages", token=token, roomId=rooms[0]["id"]).json["messages"]
    return [message["content"] for message in messages]
