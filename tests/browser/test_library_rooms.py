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


def test_the_counts_of_all_rooms_are_live_also_beyond_those_that_are_joined(new_library_page: NewLibraryPage) -> None:
    ann, bob = new_library_page("ann").register(), new_library_page("bob").register()
    room_ids: list[str] = bob.run(
        """
        const rooms = [];
        for (let number = 0; number < 24; number += 1) rooms.push(await chat.createRoom({ name: `Room ${number}` }));
        return rooms.map(({ id }) => id);
        """
    )
    ann.run("for (const roomId of argument) await chat.join(roomId);", room_ids)
    ann.until("chat.rooms.all.filter(({ isSubscribed }) => isSubscribed).length === 20")
    bob.run("for (const roomId of argument) chat.send(roomId, `in ${roomId}`);", room_ids)
    ann.until("argument.every((roomId) => chat.rooms.get(roomId).unread === 1)", room_ids)
    ann.until("chat.rooms.totals.unread === 24")
    joined = "return chat.rooms.all.filter(({ isSubscribed }) => isSubscribed).map(({ room }) => room.id)"
    assert len(ann.run(joined)) == 20, "and none was joined for it"


def test_the_last_message_of_a_room_is_asked_for_where_it_is_not_held_and_followed_where_it_is(
    new_library_page: NewLibraryPage,
) -> None:
    ann, bob = new_library_page("ann").register(), new_library_page("bob").register()
    room_ids = [bob.make_room(name) for name in ("joined", "not joined")]
    joined, other = room_ids
    for one in room_ids:
        bob.send(one, ["first", "last"])
        bob.until_held(one, 2)
    ann.run("for (const roomId of argument) await chat.join(roomId);", room_ids)
    ann.run("chat.close(); window.chat = make({ subscriptionsMax: 1 });")
    ann.resume()
    ann.run("await chat.open(argument)", joined)
    last = "return [await chat.rooms.loadPreview(argument), chat.rooms.get(argument).lastMessage].map((m) => m.content)"
    assert ann.run(last, joined) == ["last", "last"]
    requests: list[str] = []
    ann.page.on("request", lambda one: requests.append(one.url) if "/messages?" in one.url else None)
    assert ann.run("return chat.rooms.get(argument).lastMessage", other) is None
    both = "return (await Promise.all([1, 2].map(() => chat.rooms.loadPreview(argument)))).map((m) => m.content)"
    assert ann.run(both, other) == ["last", "last"]
    assert ann.run(last, joined) == ["last", "last"]
    assert len(requests) == 1
    bob.run("await chat.edit(held(chat, argument)[1], 'edited')", joined)
    ann.until("chat.rooms.get(argument).lastMessage.content === 'edited'", joined)
    bob.send(other, ["newer"])
    ann.until("chat.rooms.get(argument).unread > 0", other)
    assert ann.run(last, other) == ["newer", "newer"]


def test_who_reads_a_part_of_a_room_keeps_the_mentions_below_it(new_library_page: NewLibraryPage) -> None:
    ann, bob = new_library_page("ann").register(), new_library_page("bob").register()
    room_id = bob.make_room()
    ann.open_room(room_id)
    mention = "for (const n of [1, 2, 3]) chat.send(argument[0], `${n}`, { mentions: [argument[1]] });"
    bob.run(mention, [room_id, ann.run("return chat.user.id")])
    ann.until("chat.rooms.get(argument).mentions === 3", room_id)
    counts = "const { unread, mentions } = chat.rooms.get(argument); return [unread, mentions];"
    ann.run("window.told = new Promise((done) => chat.presence.addEventListener('read', done, { once: true }));")
    assert ann.run(f"chat.read(argument, 1); {counts}", room_id) == [2, 2]
    assert ann.run(f"await told; {counts}", room_id) == [2, 2]
    assert ann.run(f"chat.read(argument, 3); {counts}", room_id) == [0, 0]
