"""The programs of examples/ do what they say, against a real server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.conftest import Start, embedded
from tests.support.client import Person, register
from tests.support.example_programs import EXAMPLES, running
from tests.support.server import ROOT, ServerProcess
from tests.support.waiting import poll


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_under_40_lines(example: Path) -> None:
    assert len(example.read_text().splitlines()) < 40


@embedded
def test_the_echo_bot_answers_in_its_room(server: ServerProcess, tmp_path: Path) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    with running(tmp_path, EXAMPLES / "echo_bot.py", add_bot(ada, room, "echo")) as bot:
        bot.until_printed("echo listens in A room")
        ada.post(room, "not for the bot")
        asked = ada.post(room, "!echo Hello, bot")
        poll(lambda: len(ada.call("GET", "/messages", roomId=room).json["messages"]) == 3, describe=bot.output)
        answer = ada.call("GET", "/messages", roomId=room).json["messages"][-1]
        assert (answer["content"], answer["username"]) == ("Hello, bot", "echo")
        assert answer["replyToId"] == asked["id"]


def add_bot(ada: Person, room: str, username: str) -> dict[str, str]:
    """A new bot of the room: the environment of its program."""
    token = ada.call("POST", f"/rooms/{room}/bots", {"username": username}).json["token"]
    return {"CHAT_URL": ada.url, "CHAT_TOKEN": token}


def lines_in(ada: Person, room: str) -> list[str]:
    messages = ada.call("GET", "/messages", roomId=room, limit=100).json["messages"]
    return [line for message in messages for line in message["content"].splitlines()]


@embedded
def test_the_program_in_the_documentation_does_what_it_says(server: ServerProcess, tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python-client.md").read_text(), re.DOTALL)
    with running(tmp_path, program, {"CHAT_URL": server.url}) as example:
        assert example.process.wait(60) == 0, example.output()
    lines = ["1 grace It wurks", "now: It works {}", "now: It works {'🎉': {'count': 1, 'userIds': ["]
    said = example.output().splitlines()
    assert [line[: len(expected)] for line, expected in zip(said, lines, strict=True)] == lines


@embedded
def test_the_log_bridge_posts_each_line_once_over_rotations_and_restarts_of_the_server(
    start: Start, tmp_path: Path
) -> None:
    server = start()
    ada = register(server.url)
    room = ada.make_room()["id"]
    log = tmp_path / "app.log"
    log.write_text("before the bridge\n")
    written: list[str] = []

    def write(*texts: str, end: str = "\n") -> None:
        with log.open("a") as file:
            file.write("\n".join(texts) + end)
        written.extend(texts)

    def until_posted() -> None:
        poll(lambda: lines_in(ada, room) == written, describe=lambda: f"{lines_in(ada, room)}\n{bridge.output()}")

    program = EXAMPLES / "log_bridge.py"
    with running(tmp_path, program, add_bot(ada, room, "logger"), arguments=[str(log)]) as bridge:
        bridge.until_printed("goes to A room")
        write("one", "two")
        until_posted()
        write("the last before the rotation", "without an end", end="")
        log.rename(tmp_path / "app.log.1")
        write("the first after it")
        until_posted()
        server.kill()
        write("while the server is away")
        server.start()
        write("x" * 1400, "y" * 1400)
        until_posted()
        log.write_text("")  # as copytruncate does
        write("after the cut")
        until_posted()
