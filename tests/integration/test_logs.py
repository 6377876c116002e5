"""The log of a conversation: one line an event, with ids that connect the lines, and never a token, a password or a
message.
"""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from tests.integration.conftest import Start, embedded
from tests.support.client import PASSWORD, CommandRefused, call, chat, register
from tests.support.server import ServerProcess

SECRET = "a secret of the tests, thirty-two bytes or more"
CONTENT = "what nobody but the room may read"


async def hold_conversation(server: ServerProcess) -> list[str]:
    """A conversation with some refusals. Returns the texts that must not be in the log."""
    ada = register(server.url)
    tokens = [ada.access_token, ada.refresh_token]
    room = ada.make_room(name="Not for the log")["id"]
    async with chat(server.ws_url, ada) as a, chat(f"{server.ws_url}?token={ada.access_token}") as b:
        await b.one("welcome")
        await a.command("joinRoom", roomId=room)
        await a.command("sendMessage", roomId=room, content=CONTENT)
        with pytest.raises(CommandRefused):
            await a.command("sendMessage", roomId=room, content=CONTENT * 100)
        with pytest.raises(CommandRefused):
            await a.command("authenticate", token=f"bad{ada.access_token}")
        await a.send(f"not JSON: {CONTENT}")
        await a.one("error")
    await asyncio.to_thread(ada.post, room, CONTENT)
    call(server.url, "POST", "/messages", f"broken {CONTENT}".encode(), token=ada.access_token)
    call(server.url, "POST", "/auth/login", {"username": ada.username, "password": f"wrong {PASSWORD}"})
    call(server.url, "GET", f"/rooms?q={CONTENT.replace(' ', '+')}", token="nonsense-token-value")
    call(server.url, "GET", "/line%0abreak\x1b".replace("\x1b", "%1b"))
    refreshed = call(server.url, "POST", "/auth/refresh", {"refreshToken": ada.refresh_token}).json
    tokens += [refreshed["accessToken"], refreshed["refreshToken"]]
    call(server.url, "POST", "/auth/logout", token=refreshed["accessToken"])
    return [
        *tokens,
        CONTENT,
        CONTENT.replace(" ", "+"),
        PASSWORD,
        SECRET,
        "Not for the log",
        "nonsense-token-value",
        "example.com",
    ]


@pytest.mark.gen_test
async def test_a_json_log_is_one_object_a_line_and_holds_no_secret(start: Start) -> None:
    server = start(LOG_FORMAT="json", LOG_LEVEL="debug", JWT_SECRET=SECRET)
    secrets = await hold_conversation(server)
    server.stop()
    log = server.log()
    lines = [json.loads(line) for line in log.splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    assert not [secret for secret in secrets if secret in log]
    assert {"started", "stopping", "stopped"} <= {line["message"] for line in lines}
    requests = [line for line in lines if line["message"] == "request"]
    assert {"method", "path", "status", "ms", "client", "request"} <= set(requests[0])
    upgrades = [line for line in requests if line["status"] == 101]
    ended = [line for line in lines if line["message"] == "connection ended"]
    assert {line["connection"] for line in upgrades} == {line["connection"] for line in ended}
    assert {line["code"] for line in ended} == {1000}


@embedded
@pytest.mark.gen_test
async def test_a_text_log_is_one_line_an_event_whatever_a_client_sends(start: Start) -> None:
    server = start(LOG_LEVEL="debug", JWT_SECRET=SECRET)
    secrets = await hold_conversation(server)
    server.stop()
    log = server.log()
    assert all(
        re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING) \S+: ", line)
        for line in log.splitlines()
    )
    assert not [secret for secret in secrets if secret in log]
    assert log.isprintable() or set(log) - set("\n") == {character for character in log if character.isprintable()}


@embedded
@pytest.mark.gen_test
async def test_an_errors_request_id_is_found_in_the_log(server: ServerProcess) -> None:
    reply = call(server.url, "GET", "/rooms", token="x")
    server.until_logged(f"request={reply.json['error']['requestId']}")


@embedded
def test_a_level_hides_what_is_below_it(start: Start) -> None:
    server = start(LOG_LEVEL="warning")
    call(server.url, "GET", "/rooms")
    server.stop()
    # a start may be slow
    assert [line for line in server.log().splitlines() if " monitor.loop_watchdog: " not in line] == []
