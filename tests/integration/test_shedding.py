"""What a whole server refuses at which load, by REST and WebSocket. Everything is real but the load, which is set."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from app import settings as settings_module
from app.composition.cluster import build_cluster, load_whitelist
from app.composition.server import build_server
from app.composition.storage import build_storage
from app.lifecycle import Process
from client import ChatClient
from limits.load_shedding import STEP_EVERY_S, Load, LoadShedder, Shed, ShedClass
from monitor.observer import Observer
from monitor.spans import Spans
from tests.support.client import PASSWORD, ChatConnection, CommandRefused, Reply, call, chat, register
from tests.support.server import free_port
from tests.support.waiting import until_on_loop

LAGS_MS = {0: 0.0, 1: 60.0, 2: 120.0, 3: 250.0, 4: 500.0}
COMMANDS = {
    "startTyping": ShedClass.EPHEMERAL,
    "stopTyping": ShedClass.EPHEMERAL,
    "updatePresence": ShedClass.EPHEMERAL,
    "getPresence": ShedClass.EPHEMERAL,
    "getRoomStats": ShedClass.READS,
    "sendMessage": ShedClass.MESSAGES,
    "heartbeat": None,
    "joinRoom": None,
    "messageRead": None,
}
REQUESTS = {
    ("GET", "/messages?roomId={room}"): ShedClass.READS,
    ("GET", "/rooms"): ShedClass.READS,
    ("GET", "/rooms/{room}/stats"): ShedClass.READS,
    ("GET", "/rooms/{room}/changes?since=0"): ShedClass.READS,
    ("GET", "/users?q=a"): ShedClass.READS,
    ("POST", "/auth/login"): ShedClass.ARRIVALS,
    ("POST", "/messages"): ShedClass.MESSAGES,
    ("GET", "/rooms/{room}"): None,
    ("GET", "/auth/profile"): None,
    ("GET", "/health"): None,
}


@asynccontextmanager
async def chat_server(data_dir: Path) -> AsyncIterator[tuple[Process, str]]:
    """A process put together as by `server.py serve`, and its URL."""
    port, before = free_port(), gc.get_threshold()
    settings = settings_module.load({}, {"DATA_DIR": str(data_dir), "PORT": str(port), "RATE_LIMIT_TYPING": "off"})
    async with (
        build_storage(settings, Observer()) as storage,
        build_cluster(settings, process_id="p1", counts=None) as shared,
    ):
        exempt = load_whitelist(settings)
        parts = build_server(
            settings,
            store=storage.store,
            secret=storage.secret,
            shared=shared,
            whitelist=exempt,
            process_id="p1",
            counting_observer=None,
            spans=Spans(),
            log_output=None,
        )
        server = Process(settings, store=storage.store, shared=shared, whitelist=exempt, server=parts)
        await server.start()
        try:
            yield server, f"http://127.0.0.1:{port}"
        finally:
            await server.stop()
            gc.unfreeze()
            gc.set_threshold(*before)


async def refused_commands(one: ChatConnection, room: str) -> set[str]:
    """The commands that are refused as overload, of eight tries each."""
    found = set()
    more = {"updatePresence": {"status": "online"}, "sendMessage": {"content": "x"}, "messageRead": {"seq": 0}}
    for event in COMMANDS:
        for _ in range(8):
            try:
                await one.command(event, roomId=room, **more.get(event, {}))
            except CommandRefused as refused:
                assert (refused.code, refused.data["retryAfter"], refused.data["retryable"]) == ("unavailable", 2, True)
                found.add(event)
    return found


def set_load(shedding: LoadShedder) -> Callable[[float], None]:
    """A function that sets the loop's lag in milliseconds, for as long as the level needs to follow."""
    load, now = [Load(0.0)], [0.0]
    shedding._load, shedding._now, shedding._stepped_s = lambda: load[0], lambda: now[0], 0.0
    shedding._shed = Shed()  # whatever load the start caused

    def set_lag_ms(lag_ms: float) -> None:
        load[0] = Load(lag_ms)
        for _ in range(40):
            now[0] += STEP_EVERY_S
            shedding.step()

    return set_lag_ms


@pytest.mark.gen_test
async def test_each_level_refuses_its_classes_and_no_other(tmp_path: Path) -> None:
    async with chat_server(tmp_path / "data") as (server, url):
        shedding = server.shedding
        assert isinstance(shedding, LoadShedder)
        set_lag_ms = set_load(shedding)
        ada = await asyncio.to_thread(register, url)
        room = (await asyncio.to_thread(ada.make_room))["id"]

        async def ask(method: str, path: str) -> Reply:
            bodies = {
                "/auth/login": {"username": ada.username, "password": PASSWORD},
                "/messages": {"roomId": room, "content": "x"},
            }
            return await asyncio.to_thread(
                call, url, method, path.format(room=room), bodies.get(path), token=ada.access_token
            )

        async with chat(f"ws{url.removeprefix('http')}/ws", ada) as one:
            await one.command("joinRoom", roomId=room)
            for level, lag_ms in LAGS_MS.items():
                set_lag_ms(lag_ms)
                assert shedding.level == level
                assert await refused_commands(one, room) == {
                    event for event, kind in COMMANDS.items() if kind and kind <= level
                }
                for (method, path), kind in REQUESTS.items():
                    replies = [await ask(method, path) for _ in range(8)]
                    refused = [reply for reply in replies if reply.status == 503]
                    assert bool(refused) == (kind is not None and kind <= level), (path, level)
                    assert all((reply.code, reply.headers["retry-after"]) == ("unavailable", "2") for reply in refused)
                    if kind is not ShedClass.MESSAGES:
                        assert len(refused) in (0, 8), path
                try:
                    async with connect(f"ws{url.removeprefix('http')}/ws"):
                        assert level < ShedClass.ARRIVALS
                except InvalidStatus as refusal:
                    assert (refusal.response.status_code, level >= ShedClass.ARRIVALS) == (503, True)


@pytest.mark.gen_test
async def test_the_python_client_posts_each_message_once_and_connects_when_the_load_is_less(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "chat_rooms.client")
    async with chat_server(tmp_path / "data") as (server, url), AsyncExitStack() as stack:
        assert isinstance(server.shedding, LoadShedder)
        set_lag_ms = set_load(server.shedding)
        ada = await asyncio.to_thread(register, url)
        room_id = (await asyncio.to_thread(ada.make_room))["id"]
        chat = await stack.enter_async_context(ChatClient(url, token=ada.access_token))
        room = await chat.join(room_id)
        set_lag_ms(500.0)
        assert server.shedding.level == ShedClass.MESSAGES
        sending = asyncio.gather(*(room.send(f"message {number}") for number in range(30)))
        late = asyncio.create_task(stack.enter_async_context(ChatClient(url, token=ada.access_token)))
        await until_on_loop(lambda: "sendMessage: unavailable" in caplog.text and "HTTP 503" in caplog.text)
        assert not late.done()
        while server.shedding.level:
            set_lag_ms(0.0)
        assert [one.seq for one in await sending] == list(range(1, 31))
        assert (await late).is_online
