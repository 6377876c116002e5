"""The client library alone: the list of rooms is live, also of rooms that are not joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.browser.library_page import LibraryPage
from tests.support.server import ServerProcess, serving

NewLibraryPage = Callable[..., LibraryPage]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    limits = {f"RATE_LIMIT_{name}": "off" for name in ("MESSAGES", "API", "ROOMS", "JOINS")}
    with serving(tmp_path_factory.mktemp("shared") / "data", limits) as one:
        yield one


def test_a_direct_room_follows_the_name_of_the_other_person(new_library_page: NewLibraryPage) -> None:
    ann, bob = new_library_page("ann").register(), new_library_page("bob").register()
    bob_id = bob.run("return chat.user.id")
    room_id = ann.run("const room = await chat.direct(argument); return room.id;", bob_id)
    ann.run("window.nameShown = () => chat.nameOf(chat.rooms.get(argument).room)".replace("argument", f"'{room_id}'"))
    rename = "await chat.api.people.changeProfile({ displayName: argument })"

    def after(work: str, argument: object = None) -> str:
        ann.run(work, argument)
        return str(ann.run("return nameShown()"))

    bob.run(rename, "Robert")
    assert after("await chat.person(argument)", bob_id) == "Robert"
    bob.run(rename, "Rob")
    assert after("await chat.members(argument)", room_id) == "Rob"
    bob.run(rename, "Bobby")
    ann.run("await chat.open(argument)", room_id)
    ann.until("nameShown() === 'Bobby'")
    bob.run(rename, "Bob the Second")
    ann.run("chat.connection.stop(); chat.connection.start(); await isReady(chat);")
    ann.until("nameShown() === 'Bob the Second'")
    bob.run("await chat.open(argument); chat.send(argument, 'hello');", room_id)
    ann.until_held(room_id, 1)
    assert after("await chat.refreshRoom(argument)", room_id) == "Bob the Second"
