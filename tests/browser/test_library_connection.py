"""The client library alone: it reconnects with jitter and resumes, so that each message comes once and in order."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from playwright.sync_api import WebSocketRoute

from tests.browser.library_page import LibraryPage
from tests.support.client import PASSWORD, Person, register
from tests.support.redis_proxy_thread import RedisProxyThread, proxy_thread_to
from tests.support.server import ServerProcess, serving

NewLibraryPage = Callable[..., LibraryPage]
StartServer = Callable[..., ServerProcess]
UNLIMITED = {
    **{f"RATE_LIMIT_{name}": "off" for name in ("MESSAGES", "API", "ROOMS", "JOINS", "CONNECTS")},
    "WS_MAX_CONNECTIONS_PER_USER": "50",
}
FIRST_CAP_MS, CAP_MS = 500, 30_000
CLIENTS = 20
ANSWERED_WITHIN_MS = 15_000  # web/client/reconnecting-connection.js


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("shared") / "data", UNLIMITED) as one:
        yield one


@pytest.fixture
def network(server: ServerProcess) -> Iterator[RedisProxyThread]:
    """A TCP proxy before the server, whose connections a test can drop and refuse."""
    with proxy_thread_to(server.port) as proxy:
        yield proxy


@pytest.fixture
def proxied_url(network: RedisProxyThread) -> str:
    return f"http://127.0.0.1:{network.env['REDIS_PORT']}"


def post_many(person: Person, room_id: str, texts: list[str]) -> None:
    """Post them in order."""
    for text in texts:
        person.post(room_id, text)


def test_clients_that_are_cut_off_together_come_back_apart_and_wait_longer_each_time(
    new_library_page: NewLibraryPage, network: RedisProxyThread, proxied_url: str
) -> None:
    page = new_library_page(url=proxied_url).register()
    page.run(
        """
        window.crowd = Array.from({ length: argument.count }, () => make({ storage: library.memoryStorage() }));
        for (const one of crowd) {
          one.waits = [];
          await one.login({ username: argument.name, password: argument.password });
          await isReady(one);
          one.addEventListener("state", () => {
            const { state, retryAt } = one.connection;
            if (state === "waiting") one.waits.push(retryAt - Date.now());
          });
        }
        """,
        {"count": CLIENTS, "name": page.name, "password": PASSWORD},
    )
    network.go_away()
    page.until("crowd.every(({ waits }) => waits.length >= 4)")
    network.come_back()
    page.until("crowd.every(({ connection }) => connection.isOnline)")
    waits: list[list[int]] = page.run("return crowd.map(({ waits }) => waits)")
    for number in range(4):
        cap_ms = min(CAP_MS, FIRST_CAP_MS * 2**number)
        nth = [one[number] for one in waits]
        assert all(-1 <= wait <= cap_ms for wait in nth), nth
        assert max(nth) - min(nth) > cap_ms / 4, "spread over the whole time"


def test_everything_comes_once_and_in_order_while_the_connection_is_dropped_again_and_again(
    new_library_page: NewLibraryPage, network: RedisProxyThread, proxied_url: str, server: ServerProcess
) -> None:
    ann, bob = new_library_page(url=proxied_url).register(), register(server.url)
    room_id = ann.make_room()
    bob.join(room_id)
    for number in range(6):
        ann.send(room_id, [f"ann {number}.{one}" for one in range(10)])
        post_many(bob, room_id, [f"bob {number}.{one}" for one in range(10)])
        network.drop()
    ann.until_held(room_id, 120)
    ann.until("chat.outbox.unsentCount === 0")
    held: list[dict[str, Any]] = ann.run("return held(chat, argument)", room_id)
    assert [message["seq"] for message in held] == list(range(1, 121))
    assert ann.seen(room_id) == list(range(1, 121))
    for name in ("ann", "bob"):
        expected = [f"{name} {number}.{one}" for number in range(6) for one in range(10)]
        assert [message["content"] for message in held if message["content"].startswith(name)] == expected


def test_events_that_come_twice_or_late_again_are_shown_once(
    new_library_page: NewLibraryPage, server: ServerProcess
) -> None:
    ann, bob = new_library_page().open_before_sockets(doubled_events), register(server.url)
    ann.register()
    room_id = ann.make_room()
    bob.join(room_id)
    post_many(bob, room_id, [str(number) for number in range(30)])
    edited = bob.post(room_id, "last")
    assert bob.call("PATCH", f"/messages/{edited['id']}", {"content": "last, edited"}).status == 200
    ann.until("held(chat, argument).at(-1)?.content === 'last, edited'", room_id)
    assert ann.held(room_id) == [*(str(number) for number in range(30)), "last, edited"]
    assert ann.seen(room_id) == list(range(1, 32))


def doubled_events(socket: WebSocketRoute) -> None:
    """Each event is passed on twice, and again after the next one."""
    server = socket.connect_to_server()
    before: list[str] = []

    def forward(text: str | bytes) -> None:
        assert isinstance(text, str)
        repeats = json.loads(text)["event"] in ("receiveMessage", "messageEdited")
        for one in [text, *([text, *before] if repeats else [])]:
            socket.send(one)
        if repeats:
            before[:] = [text]

    socket.on_message(server.send)
    server.on_message(forward)


class LostAcks:
    """Passes a page's frames on, but not the first acks of sendMessage: the connection is closed instead, or stays, and
    then brings no event of a message either until an ack has come.
    """

    def __init__(self, count: int, *, closes: bool) -> None:
        self._count = count
        self._closes = closes
        self._ids: set[str] = set()
        self.sent: list[dict[str, Any]] = []
        self.acked: list[dict[str, Any]] = []

    def __call__(self, socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def to_server(text: str | bytes) -> None:
            frame = json.loads(text)
            if frame["event"] == "sendMessage":
                self.sent.append(frame["data"])
                self._ids.add(frame["id"])
            server.send(text)

        def to_page(text: str | bytes) -> None:
            frame = json.loads(text)
            is_ack = frame["event"] == "ack" and frame["id"] in self._ids
            if is_ack:
                self.acked.append(frame["data"])
            is_lost = is_ack or (frame["event"] == "receiveMessage" and not self._closes)
            if not is_lost or len(self.acked) > self._count:
                socket.send(text)
            elif self._closes:
                socket.close(code=4413)
                server.close()

        socket.on_message(to_server)
        server.on_message(to_page)


def stored_contents(page: LibraryPage, room_id: str) -> list[str]:
    """What the server has of the room."""
    script = "return (await chat.api.get('messages', { roomId: argument })).messages.map(({ content }) => content)"
    found: list[str] = page.run(script, room_id)
    return found


def test_a_message_whose_ack_was_lost_with_the_connection_is_stored_and_shown_once(
    new_library_page: NewLibraryPage,
) -> None:
    ann = new_library_page().open_before_sockets(LostAcks(3, closes=True)).register()
    room_id = ann.make_room()
    ann.send(room_id, ["one", "two", "three", "four"])
    ann.until("chat.outbox.unsentCount === 0 && held(chat, argument).length === 4", room_id)
    assert ann.held(room_id) == stored_contents(ann, room_id) == ["one", "two", "three", "four"]


def test_a_message_that_is_not_acked_in_time_is_sent_again_and_stored_once(new_library_page: NewLibraryPage) -> None:
    frames = LostAcks(1, closes=False)
    ann = new_library_page()
    ann.page.clock.install()
    ann.open_before_sockets(frames).register()
    room_id = ann.make_room()
    ann.send(room_id, ["one", "two"])
    while not frames.acked:
        ann.page.wait_for_timeout(10)
    ann.page.clock.fast_forward(ANSWERED_WITHIN_MS)
    ann.until("chat.outbox.unsentCount === 0")
    assert [one["content"] for one in frames.sent] == ["one", "one", "two"]
    assert frames.sent[0]["clientId"] == frames.sent[1]["clientId"]
    assert [one.get("duplicate", False) for one in frames.acked] == [False, True, False]
    assert stored_contents(ann, room_id) == ["one", "two"]


def test_after_an_older_backup_was_restored_the_room_is_what_the_server_has(
    new_library_page: NewLibraryPage, start_server: StartServer
) -> None:
    server = start_server()
    ann = new_library_page(url=server.url).register()
    room_id = ann.make_room()
    ann.send(room_id, ["one", "two"])
    ann.until_held(room_id, 2)
    server.terminate()
    backup = server.data_dir.with_name("backup")
    shutil.copytree(server.data_dir, backup)
    server.start()
    ann.until_online()
    ann.send(room_id, ["lost with the disk"])
    ann.until_held(room_id, 3)
    ann.run("chat.read(argument, 3)", room_id)
    server.kill()
    shutil.rmtree(server.data_dir)
    shutil.copytree(backup, server.data_dir)
    server.start()
    ann.until("chat.log.some(([name]) => name === 'reset')")
    ann.until("chat.rooms.get(argument).isLoaded", room_id)
    assert ann.held(room_id) == ["one", "two"]
    ann.send(room_id, ["three"])
    ann.until_held(room_id, 3)
    assert ann.held(room_id) == ["one", "two", "three"]
    assert ann.run("return held(chat, argument).map(({ seq }) => seq)", room_id) == [1, 2, 3]
    assert ann.run("return chat.rooms.get(argument).unread", room_id) == 0


def test_more_missed_than_a_reconnect_brings_is_loaded_and_so_are_more_changes(
    new_library_page: NewLibraryPage, network: RedisProxyThread, proxied_url: str, server: ServerProcess
) -> None:
    ann, bob = new_library_page(url=proxied_url).register(), register(server.url)
    room_id = ann.make_room()
    bob.join(room_id)
    bob.post(room_id, "first")
    ann.until_held(room_id, 1)
    network.go_away()
    ann.until_offline()
    with ThreadPoolExecutor(8) as pool:
        posted = list(pool.map(lambda number: bob.post(room_id, f"missed {number}"), range(600)))
    network.come_back()
    ann.until_held(room_id, 601)
    assert ann.run("return held(chat, argument).map(({ seq }) => seq)", room_id) == list(range(1, 602))
    truncated = ann.run("return chat.log.filter(([name]) => name === 'truncated').map(([, detail]) => detail)")
    seen = ann.seen(room_id)
    assert [(one["since"], one["next"]) for one in truncated] == [(1, seen[1])]
    assert seen == [1, *range(seen[1], 602)], "what the reconnect brought, without what is to be paged for"
    network.go_away()
    ann.until_offline()
    with ThreadPoolExecutor(8) as pool:
        edited = {"content": "edited"}
        assert {pool_reply.status for pool_reply in pool.map(lambda one: edit(bob, one, edited), posted)} == {200}
    network.come_back()
    ann.until("held(chat, argument).length && held(chat, argument).every((one) => one.content === 'edited')", room_id)
    ann.run("await chat.rooms.loadMore(argument, 'older')", room_id)
    assert ann.held(room_id) == ["edited"] * 100


def edit(person: Person, message: dict[str, Any], body: dict[str, str]) -> Any:
    return person.call("PATCH", f"/messages/{message['id']}", body)


def test_many_rooms_are_joined_within_the_limit_and_again_after_the_connection_was_lost(
    new_library_page: NewLibraryPage, start_server: StartServer
) -> None:
    server = start_server(**UNLIMITED, RATE_LIMIT_RESUMES="24/2")
    bob = register(server.url)
    room_ids = [bob.make_room(name=f"Room {number}")["id"] for number in range(40)]
    with proxy_thread_to(server.port) as network:
        ann = new_library_page(url=f"http://127.0.0.1:{network.env['REDIS_PORT']}")
        frames: list[dict[str, Any]] = []
        ann.page.on("websocket", lambda one: one.on("framereceived", lambda text: frames.append(json.loads(text))))
        ann.run("window.chat = make({ subscriptionsMax: 40 })")
        ann.register()
        ann.run("for (const id of argument) await chat.api.rooms.join(id)", room_ids)
        all_joined = "chat.rooms.all.length === 40 && chat.rooms.all.every(({ isSubscribed }) => isSubscribed)"
        ann.until(all_joined)
        for room_id in room_ids[:3]:
            ann.run("await chat.open(argument)", room_id)
        network.go_away()
        ann.until_offline()
        bob.post(room_ids[0], "while you were away")
        network.come_back()
        ann.until(all_joined)
        bob.post(room_ids[39], "live")
        ann.until("chat.seen[argument]?.length === 1", room_ids[39])
        assert ann.seen(room_ids[0]) == [1]
    refusals = [frame for frame in frames if frame["event"] == "error"]
    assert {frame["data"]["code"] for frame in refusals} <= {"rate_limited"}
    assert len(refusals) < 20, "a refusal is waited out"


def test_what_the_browser_says_of_the_network_is_believed_at_once_and_checked(
    new_library_page: NewLibraryPage, network: RedisProxyThread, proxied_url: str
) -> None:
    page = new_library_page(url=proxied_url).register()
    room_id = page.make_room()
    page.run(
        """
        window.states = [];
        window.id = chat.connection.connectionId;
        chat.addEventListener("state", ({ detail: { state, reason } }) => states.push([state, reason]));
        dispatchEvent(new Event("offline"));
        """
    )
    assert page.run("return states[0]") == ["waiting", "offline"]
    page.until("chat.connection.state === 'online'")
    page.send(room_id, ["hello"])
    page.until_held(room_id, 1)
    assert page.run("return chat.connection.connectionId === id"), "the browser was wrong"
    network.hold()
    page.run("dispatchEvent(new Event('offline'))")
    page.until_offline()
    assert page.run("return states.at(-1)[1] ?? states.at(-2)[1]") == "offline"
    network.release()
    page.run("dispatchEvent(new Event('online'))")
    page.until_online()
    page.send(room_id, ["back"])
    page.until_held(room_id, 2)
