"""The client library alone: it opens a room at what is unread, jumps, and stays there over a lost connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Route

from tests.browser.library_page import LibraryPage
from tests.support.client import Person, register
from tests.support.server import ServerProcess, serving

NewLibraryPage = Callable[..., LibraryPage]
SHOWN = "const { timeline } = chat.rooms.get(argument); return [timeline.first, timeline.last, timeline.isDetached];"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    limits = {"RATE_LIMIT_MESSAGES": "off", "RATE_LIMIT_API": "off"}
    with serving(tmp_path_factory.mktemp("shared") / "data", limits) as one:
        yield one


def post(person: Person, room_id: str, count: int) -> None:
    for number in range(count):
        person.post(room_id, f"message {number}")


def test_a_room_opens_at_the_first_unread_message_and_reads_on_to_the_newest_without_a_gap(
    server: ServerProcess, new_library_page: NewLibraryPage
) -> None:
    bob, ann = register(server.url, "bob"), new_library_page("ann").register()
    room_id = bob.make_room()["id"]
    ann.run("await chat.join(argument)", room_id)
    post(bob, room_id, 30)
    ann.until("chat.rooms.get(argument).unread === 30", room_id)
    ann.run("await chat.open(argument, { around: 'unread' })", room_id)
    assert ann.run(SHOWN, room_id) == [1, 30, False], "they fit on the newest page"
    ann.run("chat.read(argument, 30); chat.close(); window.chat = make();", room_id)
    post(bob, room_id, 170)
    ann.resume()
    ann.run("await chat.open(argument, { around: 'unread' })", room_id)
    first, last, is_detached = ann.run(SHOWN, room_id)
    assert first < 31 < last < 200
    assert is_detached
    bob.post(room_id, "while it was read")
    ann.until("chat.rooms.get(argument).timeline.head === 201", room_id)
    while ann.run(SHOWN, room_id)[2]:
        ann.run("await chat.rooms.loadMore(argument, 'newer')", room_id)
    seqs = ann.run("return held(chat, argument).map(({ seq }) => seq)", room_id)
    assert seqs == list(range(first, 202))


def test_a_jump_stays_where_it_is_over_a_lost_connection_and_follows_changes_there(
    server: ServerProcess, new_library_page: NewLibraryPage
) -> None:
    rob, ann = register(server.url, "rob"), new_library_page("ann").register()
    room_id = rob.make_room()["id"]
    ann.open_room(room_id)
    posted = [rob.post(room_id, f"message {number}") for number in range(200)]
    ann.until_held(room_id, 200)
    ann.run("chat.close(); window.chat = make({ timelineMax: 100 });")
    ann.resume()
    ann.run("await chat.open(argument); await chat.rooms.loadAround(argument, 60);", room_id)
    place = ann.run(SHOWN, room_id)
    assert place == [35, 84, True]
    ann.run("chat.connection.stop()")
    rob.call("PATCH", f"/messages/{posted[59]['id']}", {"content": "changed meanwhile"})
    rob.post(room_id, "new meanwhile")
    ann.run("chat.connection.start(); await isReady(chat);")
    ann.until("held(chat, argument)[25].content === 'changed meanwhile'", room_id)
    assert ann.run(SHOWN, room_id) == place
    assert ann.run("return chat.rooms.get(argument).timeline.head", room_id) == 201
    ann.run("await chat.rooms.loadMore(argument, 'latest')", room_id)
    assert ann.run(SHOWN, room_id) == [152, 201, False]


def test_where_too_much_has_changed_the_place_is_loaded_again(
    server: ServerProcess, new_library_page: NewLibraryPage
) -> None:
    tom, ann = register(server.url, "tom"), new_library_page("ann").register()
    room_id = tom.make_room()["id"]
    ann.run("await chat.join(argument)", room_id)
    posted = [tom.post(room_id, f"message {number}") for number in range(150)]
    ann.run("await chat.open(argument, { around: 60 })", room_id)
    ann.run("chat.connection.stop()")
    for message in posted[:130]:
        tom.call("PATCH", f"/messages/{message['id']}", {"content": "changed " + "x" * 1900})
    ann.run("chat.connection.start(); await isReady(chat);")
    ann.until("held(chat, argument)[25]?.content.startsWith('changed')", room_id)
    assert ann.run(SHOWN, room_id) == [35, 84, True]


def test_a_room_whose_messages_could_not_be_loaded_says_so_and_loads_them_by_itself_while_it_is_looked_at(
    new_library_page: NewLibraryPage,
) -> None:
    bob, ann = new_library_page("bob").register(), new_library_page("ann").register()
    room_id, other_id = bob.make_room(), bob.make_room()
    for one in (room_id, other_id):
        bob.send(one, ["hello"])
        bob.until_held(one, 1)
    refused = []

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        if len(refused) > 3:
            route.continue_()
        else:
            route.fulfill(status=503, json={"error": {"code": "unavailable", "message": "Busy."}})

    ann.page.route("**/messages?*", refuse)
    ann.run(
        """
        window.errors = [];
        chat.addEventListener("messages", ({ detail: { roomId } }) => {
          const { loadError } = chat.rooms.get(roomId);
          if (loadError) errors.push(loadError.code);
        });
        for (const roomId of argument) await chat.join(roomId);
        """,
        [other_id, room_id],
    )
    code = "return await chat.open(argument).then(() => null, ({ code }) => code)"
    assert ann.run(code, room_id) == "unavailable"
    ann.until_held(room_id, 1)
    assert ann.run("return [chat.rooms.get(argument).loadError, errors.length >= 3]", room_id) == [None, True]
    refused.clear()
    assert ann.run(code, other_id) == "unavailable"
    refused.extend([""] * 3)
    assert ann.run(code, other_id) is None, "a try at once, as by a button"
    assert ann.held(other_id) == ["hello"]
