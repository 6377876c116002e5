"""Every command of the README but those of make and Docker, pasted as it stands: in a checkout of its own, or beside a
server. A command that is added to the README is found by its form, and run; one that no test would run fails the last
test here.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.commands.table import COMMANDS
from app.demo.cast import HERO
from tests.integration.conftest import JWT, StoreEnv
from tests.support.client import Person, call
from tests.support.mongo import drop_database
from tests.support.readme import (
    blocks,
    blocks_below,
    checkout_of_a_stranger,
    commands_in_tables,
    commands_in_text,
    lines_to_paste,
)
from tests.support.server import ROOT, ServerProcess
from tests.support.waiting import poll

README = "README.md"
BOT_LINE = ". data/demo-bot.env && .venv/bin/python examples/echo_bot.py"
INSTALLED_LINE = "pip install --constraint constraints.txt . && chat-rooms serve"
OPERANDS = {"FILE": "copy.tar", "NAME": "grace", "EMAIL": "grace@example.com"}
# Of the commands within lines: where each is run, if not here
RUN_ELSEWHERE = {
    "chat-rooms check": "tests/packaging/test_readme_installed.py",
    "chat-rooms backup FILE": "tests/packaging/test_readme_installed.py",
    ".venv/bin/python -m bench --json": "tests/unit/bench/test_command_line.py",  # alone it takes a quarter of an hour
}


@pytest.fixture(scope="module")
def store_env(embedded_store: StoreEnv) -> StoreEnv:
    """The README starts without a database server."""
    return embedded_store


def run_script(script: str, server: ServerProcess) -> str:
    """The output of a shell script, with this server's URL in place of the README's."""
    script = script.replace("127.0.0.1:8000", urlsplit(server.url).netloc).replace(".venv/bin/python", sys.executable)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_the_conversation_of_the_readme_takes_place(server: ServerProcess) -> None:
    by_rest, by_python, read_back = blocks_below(README, "A conversation")
    said = run_script(f"{by_rest}\n.venv/bin/python - <<'END'\n{by_python}\nEND\n{read_back}", server)
    heard, page = said.splitlines()
    assert heard.count("'content': 'Hello, Bob'") == 2, heard  # Ada's ack, and the event that Bob receives
    assert [message["content"] for message in json.loads(page)["messages"]] == ["Hello, Bob"]
    assert len(by_python.splitlines()) == 5


def test_the_health_lines_of_the_readme_work(server: ServerProcess) -> None:
    (health,) = blocks_below(README, "Health")
    said = run_script(health, server)
    assert '"status":"ok"' in said
    assert "ok   websocket:" in said
    assert "FAIL" not in said


# ---- a stranger's checkout ---------------------------------------------------------------------------------------


class Stranger:
    """Somebody with a checkout of their own, in which they paste commands, and a server in its `data`."""

    def __init__(self, folder: Path) -> None:
        self.checkout = checkout_of_a_stranger(folder)
        self.env: dict[str, str] = {"PATH": os.environ["PATH"], "RATE_LIMIT_ADAPTIVE": "false"}
        self.server = ServerProcess(
            self.checkout / "data",
            program=[str(self.checkout / ".venv" / "bin" / "python"), "server.py"],
            cwd=self.checkout,
        )
        self.env["PORT"] = str(self.server.port)  # 8000 may be another's

    def paste(self, line: str, *, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        """Run a line to its end."""
        return subprocess.run(
            ["bash", "-c", line],
            env={**self.env, **env},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=self.checkout,
            check=False,
        )

    @contextmanager
    def beside(self, line: str) -> Iterator[Path]:
        """Run a line as in another shell, until the end of the block. Yields the file with what it prints."""
        output = self.checkout / "beside"
        with output.open("wb") as written:
            running = subprocess.Popen(
                ["bash", "-c", line], env=self.env, stdout=written, stderr=written, cwd=self.checkout,
                start_new_session=True,
            )  # fmt: skip
        try:
            yield output
        finally:
            os.killpg(running.pid, signal.SIGTERM)
            running.wait()


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    one = Stranger(tmp_path_factory.mktemp("stranger"))
    try:
        yield one
    finally:
        one.server.stop()


def test_a_new_users_path_leads_to_a_bot_that_answers(stranger: Stranger) -> None:
    start, bot, _ = blocks_below(README, "Start")
    (demo,) = lines_to_paste(start)
    made = stranger.paste(demo)
    assert made.returncode == 0, made.stderr
    found = re.search(r"password +(\S+)", made.stdout)
    assert found is not None
    stranger.server.start()
    url = stranger.server.url
    logged_in = call(url, "POST", "/auth/login", {"username": HERO, "password": found[1]}).json
    person = Person(url, logged_in["user"], logged_in["accessToken"], logged_in["refreshToken"])
    rooms = person.call("GET", "/rooms", mine="true", limit=100).json["rooms"]
    (room,) = [one["id"] for one in rooms if one["name"] == "Bot playground"]
    with stranger.beside(bot) as output:
        poll(lambda: "echo listens" in output.read_text(), describe=output.read_text)
        person.post(room, "!echo Hello, bot")
        newest = poll(
            lambda: [
                one
                for one in person.call("GET", "/messages", roomId=room, limit=1).json["messages"]
                if one["username"] == "echo"
            ],
            describe=output.read_text,
        )
    assert newest[0]["content"] == "Hello, bot"


def typed(command: str) -> tuple[str, str]:
    """A command of the table with its operands filled in, and its name."""
    words = shlex.split(command.partition("server.py ")[2])
    name = next(name for name in (" ".join(words[:2]), words[0]) if name in COMMANDS)
    operands = [OPERANDS[operand.name] for operand in COMMANDS[name].operands]
    return f".venv/bin/python server.py {name} {' '.join(operands)}", name


def test_each_command_of_the_table_does_what_it_says(stranger: Stranger, mongo_uri: str) -> None:
    """In the order of the table; a new row is run likewise. Those that need a store alone come after the others."""
    alone: Mapping[str, Mapping[str, str]] = {
        "demo": {"DATA_DIR": "another"},
        "restore": {"DATA_DIR": "restored"},
        "migrate": {"MONGO_URI": mongo_uri, "MONGO_DB_NAME": f"readme-{stranger.server.port}", **JWT},
    }
    if not stranger.server.is_running:
        stranger.server.start()
    commands = [typed(command) for command in commands_in_tables(README)]
    assert {"demo", "top", "backup", "restore", "user create", "user enable", "migrate"} <= {
        name for _, name in commands
    }
    try:
        for line, name in sorted(commands, key=lambda one: one[1] in alone):
            if name == "migrate":
                stranger.server.terminate()
            run = stranger.paste(line, stdin="a password of mine\n", **alone.get(name, {}))
            assert run.returncode == 0, (line, run.stderr)
            assert "Traceback" not in run.stderr
    finally:
        drop_database(mongo_uri, alone["migrate"]["MONGO_DB_NAME"])
    assert (stranger.checkout / "copy.tar").is_file()
    assert (stranger.checkout / "restored" / "chat.db").is_file()


def test_each_command_within_a_line_works_or_is_run_by_another_test(stranger: Stranger) -> None:
    for command in dict.fromkeys(commands_in_text(README)):
        if command in RUN_ELSEWHERE:
            assert (ROOT / RUN_ELSEWHERE[command]).is_file()
        else:
            run = stranger.paste(command)
            assert run.returncode == 0, (command, run.stderr)


def test_no_block_of_the_readme_is_run_by_no_test() -> None:
    start, bot, without_make = blocks_below(README, "Start")
    known = [
        *(start, bot, without_make, *blocks_below(README, "A conversation"), *blocks_below(README, "Health")),
    ]
    assert [block.text for block in blocks(README)] == known
    assert lines_to_paste(bot) == [BOT_LINE]
    assert lines_to_paste(without_make) == [INSTALLED_LINE]
