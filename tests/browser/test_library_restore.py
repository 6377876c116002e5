"""The client library alone: a page that starts offline shows what was last seen, and comes to what is true."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext

from tests.browser.library_page import LibraryPage
from tests.support.client import PASSWORD, register
from tests.support.server import ServerProcess

NewContext = Callable[..., BrowserContext]
NewLibraryPage = Callable[..., LibraryPage]
StartServer = Callable[..., ServerProcess]

STORE = "await chat.settings.load(); const text = JSON.stringify(chat.snapshot()); chat.close(); return text;"
RESUME_OFFLINE = """
  window.chat = make({ WebSocket: class { constructor() { throw new Error("offline"); } } });
  window.isResumed = await chat.resume({ snapshot: JSON.parse(argument) });
"""
RESUME = "window.chat = make(); await chat.resume({ snapshot: JSON.parse(argument) }); await isReady(chat);"


def test_what_was_stored_is_shown_offline_and_then_what_was_missed_without_a_gap(
    start_server: StartServer, new_library_page: NewLibraryPage
) -> None:
    server = start_server()
    bob, ann = register(server.url, "bob"), new_library_page("ann", url=server.url).register()
    room_id, left_id = bob.make_room()["id"], bob.make_room()["id"]
    for one in (left_id, room_id):
        ann.open_room(one)
    posted = [bob.post(room_id, f"message {number}") for number in range(3)]
    ann.until_held(room_id, 3)
    snapshot = ann.run(STORE)
    ann.run(RESUME_OFFLINE, snapshot)
    ann.run("await chat.open(argument); chat.send(argument, 'written offline');", room_id)
    assert ann.held(room_id) == ["message 0", "message 1", "message 2"]
    shown = "return [chat.rooms.all.length, chat.settings.value.theme ?? null, chat.rooms.get(argument).isStale]"
    assert ann.run(shown, room_id)[0] == 2
    assert ann.run(shown, room_id)[2]
    ann.run("chat.close()")
    bob.call("PATCH", f"/messages/{posted[1]['id']}", {"content": "edited"})
    bob.call("DELETE", f"/rooms/{left_id}")
    bob.post(room_id, "message 3")
    ann.run(RESUME, snapshot)
    ann.run("await chat.open(argument)", room_id)
    ann.until_held(room_id, 5)
    assert ann.held(room_id) == ["message 0", "edited", "message 2", "message 3", "written offline"]
    assert ann.run("return chat.rooms.all.map(({ room }) => room.id)") == [room_id]
    assert not ann.run("return chat.rooms.get(argument).isStale", room_id)


def test_a_snapshot_is_never_shown_to_another_user_nor_after_a_logout(new_library_page: NewLibraryPage) -> None:
    ann, bob = new_library_page("ann").register(), new_library_page("bob").register()
    room_id = ann.make_room()
    ann.send(room_id, ["mine alone"])
    ann.until_held(room_id, 1)
    snapshot = ann.run(STORE)
    bob.run("chat.close()")
    bob.run(RESUME_OFFLINE, snapshot)
    assert bob.run("return [isResumed, chat.rooms.all.length, chat.user.username]") == [True, 0, bob.name]
    ann.run(RESUME, snapshot)
    assert ann.run("await chat.logout(); return [chat.snapshot(), chat.rooms]") == [None, None]
    assert ann.run("return await chat.resume({ snapshot: JSON.parse(argument) })", snapshot) is False
    ann.run("await chat.login(argument); await isReady(chat);", {"username": bob.name, "password": PASSWORD})
    assert ann.run("return chat.rooms.all.length") == 0
