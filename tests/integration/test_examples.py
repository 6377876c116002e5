"""The programs of examples/ do what they say, against a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.conftest import embedded
from tests.support.client import register
from tests.support.example_programs import EXAMPLES, running
from tests.support.server import ServerProcess
from tests.support.waiting import poll


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_under_40_lines(example: Path) -> None:
    assert len(example.read_text().splitlines()) < 40


@embedded
def test_the_echo_bot_answers_in_its_room(server: ServerProcess, tmp_path: Path) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    made = ada.call("POST", f"/rooms/{room}/bots", {"username": "echo"}).json
    env = {"CHAT_URL": server.url, "CHAT_TOKEN": made["token"]}
    with running(tmp_path, EXAMPLES / "echo_bot.py", env) as bot:
        bot.until_printed("echo listens in A room")
        ada.post(room, "not for the bot")
        asked = ada.post(room, "!echo Hello, bot")
        poll(lambda: len(ada.call("GET", "/messages", roomId=room).json["messages"]) == 3, describe=bot.output)
        answer = ada.call("GET", "/messages", roomId=room).json["messages"][-1]
        assert (answer["content"], answer["userId"], answer["replyToId"]) == (
            "Hello, bot",
            made["user"]["id"],
            asked["id"],
        )
