"""Bots and webhooks on two processes: what is removed through one is over on the other."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.conftest import Processes
from tests.support.client import Person, call, chat, person_at, register
from tests.support.machine_stalls import ending_within
from tests.support.waiting import poll


@pytest.mark.gen_test
async def test_a_bot_that_is_removed_through_one_process_is_closed_on_the_other(two_servers: Processes) -> None:
    here, there = two_servers
    ada = register(here.url)
    room = ada.make_room()["id"]
    made = ada.call("POST", f"/rooms/{room}/bots", {"username": "far-away"}).json
    bot = Person(there.url, made["user"], made["token"], "")
    async with chat(here.ws_url, ada) as a, chat(there.ws_url, bot) as b:
        await a.command("joinRoom", roomId=room)
        await b.command("joinRoom", roomId=room)
        posted = (await b.command("sendMessage", roomId=room, content="beep"))["message"]
        assert await a.one("receiveMessage") == posted
        await asyncio.to_thread(ada.call, "DELETE", f"/rooms/{room}/bots/{bot.id}")
        with ending_within(1.0):
            assert await b.closed() == 4403
    assert bot.call("GET", "/rooms").code == "unauthorized"


def test_a_webhook_that_is_removed_through_one_process_is_unknown_to_the_other(two_servers: Processes) -> None:
    here, there = two_servers
    ada = register(here.url)
    room = ada.make_room()["id"]
    hook = ada.call("POST", f"/rooms/{room}/webhooks", {"name": "Far away"}).json
    posted = call(there.url, "POST", hook["url"], {"text": "built"}).json["message"]
    poll(lambda: ada.call("GET", "/messages", roomId=room).json["messages"] == [posted])
    assert person_at(ada, there).call("DELETE", f"/rooms/{room}/webhooks/{hook['id']}").status == 204
    for server in (there, here):
        assert call(server.url, "POST", hook["url"], {"text": "late"}).code == "not_found"
