"""The client library alone: one's own changes of messages are shown at once, and by the server's copy in the end."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import WebSocketRoute

from tests.browser.library_page import LibraryPage

NewLibraryPage = Callable[..., LibraryPage]

SHOWN = "window.shown = (room) => held(chat, room)[0]"


class HeldBack:
    """A WebSocket on which a test may hold back what the server sends."""

    def __init__(self, page: LibraryPage) -> None:
        self._holds = False
        self._waiting: list[tuple[WebSocketRoute, str | bytes]] = []
        page.open_before_sockets(self._connect)
        page.run(SHOWN)

    def _connect(self, route: WebSocketRoute) -> None:
        server = route.connect_to_server()
        server.on_message(lambda frame: self._take(route, frame))

    def _take(self, route: WebSocketRoute, frame: str | bytes) -> None:
        if self._holds:
            self._waiting.append((route, frame))
        else:
            route.send(frame)

    def hold(self) -> None:
        self._holds = True

    def release(self) -> None:
        self._holds = False
        for route, frame in self._waiting:
            route.send(frame)
        self._waiting.clear()


def test_changes_are_shown_before_the_server_answers_and_reach_others_as_they_were_shown(
    new_library_page: NewLibraryPage,
) -> None:
    ann, bob = new_library_page("ann"), new_library_page("bob").register()
    answers = HeldBack(ann)
    ann.register()
    room_id = ann.make_room()
    bob.open_room(room_id)
    ann.send(room_id, ["hello", "second"])
    bob.until_held(room_id, 2)
    ann.until_held(room_id, 2)
    answers.hold()
    ann.run(
        """
        const [first, second] = held(chat, argument);
        window.asked = Promise.all([chat.edit(first.id, "hello, all"), chat.react(first, "👍"), chat.remove(second)]);
        """,
        room_id,
    )
    mine = "return held(chat, argument).map(({ content, reactions, pending }) => "
    mine += "[content, Object.keys(reactions), pending ?? null])"
    assert ann.run(mine, room_id) == [["hello, all", ["👍"], "reaction"], [None, [], "remove"]]
    bob.until("held(chat, argument)[1].deletedAt", room_id)
    answers.release()
    ann.run("await asked")
    assert ann.run(mine, room_id) == [["hello, all", ["👍"], None], [None, [], None]]
    same = "return JSON.stringify(held(chat, argument))"
    assert ann.run(same, room_id) == bob.run(same, room_id)


def test_what_the_server_refuses_and_what_a_lost_connection_leaves_open_is_taken_back(
    new_library_page: NewLibraryPage,
) -> None:
    ann, bob = new_library_page("ann"), new_library_page("bob").register()
    answers = HeldBack(ann)
    ann.register()
    room_id = bob.make_room()
    ann.open_room(room_id)
    bob.send(room_id, ["hello"])
    ann.until_held(room_id, 1)
    code = "const failed = (work) => work.then(() => null, ({ code }) => code); const [first] = held(chat, argument);"
    assert ann.run(f"{code} return await failed(chat.edit(first, 'mine'))", room_id) == "forbidden"
    assert ann.held(room_id) == ["hello"]
    answers.hold()
    ann.run(f"{code} window.asked = failed(chat.react(first, '👍'));", room_id)
    assert ann.run("return Object.keys(shown(argument).reactions)", room_id) == ["👍"]
    ann.run("chat.connection.stop()")
    assert ann.run("return await asked") == "disconnected"
    assert ann.run("return Object.keys(shown(argument).reactions)", room_id) == []
    assert ann.run(f"{code} return await failed(chat.react(first, '🎉'))", room_id) == "network"
    answers.release()
    ann.run("chat.connection.start(); await isReady(chat);")
    ann.until("shown(argument).reactions['👍']", room_id)


def test_a_message_can_be_hidden_until_its_deletion_is_certain(new_library_page: NewLibraryPage) -> None:
    ann = new_library_page().register()
    room_id = ann.make_room()
    ann.send(room_id, ["hello"])
    ann.until_held(room_id, 1)
    hidden = "return held(chat, argument)[0].isHidden ?? false"
    ann.run("window.undo = chat.overlay(held(chat, argument)[0], { isHidden: true })", room_id)
    assert ann.run(hidden, room_id)
    ann.run("undo()")
    assert not ann.run(hidden, room_id)
    ann.run("await chat.remove(held(chat, argument)[0])", room_id)
    assert ann.held(room_id) == [None]
