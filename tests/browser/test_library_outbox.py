"""The client library alone: what was written is sent, whatever happens to the page, its storage or its room."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext

from tests.browser.library_page import LibraryPage
from tests.support.client import call
from tests.support.server import ServerProcess

NewContext = Callable[..., BrowserContext]
NewLibraryPage = Callable[..., LibraryPage]
StartServer = Callable[..., ServerProcess]


def texts(name: str, count: int) -> list[str]:
    return [f"{name} {number}" for number in range(count)]


def test_what_two_closed_tabs_left_unsent_is_sent_by_a_third_whole_and_once_and_in_the_order_of_each(
    start_server: StartServer, new_library_page: NewLibraryPage, new_context: NewContext
) -> None:
    server, context = start_server(RATE_LIMIT_MESSAGES="off"), new_context()
    first = new_library_page(url=server.url, context=context).register()
    room_id = first.make_room()
    second = new_library_page(url=server.url, context=context).resume()
    bob = new_library_page("bob", url=server.url).register()
    bob.open_room(room_id)
    server.kill()
    for tab, name in ((first, "one"), (second, "two")):
        tab.until_offline()
        tab.send(room_id, texts(name, 60))
        tab.page.close()
    server.start()
    third = new_library_page(url=server.url, context=context).resume()
    for page in (third, bob):
        page.run("await chat.open(argument)", room_id)
        page.until_held(room_id, 120)
    third.until("chat.outbox.unsentCount === 0")
    contents = bob.held(room_id)
    assert len(contents) == 120
    for name in ("one", "two"):
        assert [text for text in contents if text.startswith(name)] == texts(name, 60)
    assert third.run("return Object.keys(localStorage)") == ["chat.session"]


def test_a_message_to_a_room_beyond_those_that_are_joined_is_sent(new_library_page: NewLibraryPage) -> None:
    ann = new_library_page().register()
    ann.run("for (let number = 0; number < 4; number += 1) await chat.createRoom({ name: `Room ${number}` });")
    ann.run("chat.close(); window.chat = make({ subscriptionsMax: 1 });")
    ann.resume()
    ann.until("chat.rooms.all.some(({ isSubscribed }) => isSubscribed)")
    ann.run("for (const { room } of chat.rooms.all) chat.send(room.id, 'hello');")
    ann.until("chat.outbox.unsentCount === 0")
    stored = "return await Promise.all(chat.rooms.all.map(({ room }) => chat.api.rooms.stats(room.id)))"
    assert [one["messageCount"] for one in ann.run(stored)] == [1, 1, 1, 1]


def test_a_message_to_a_room_that_the_list_lacks_is_sent_if_the_user_is_in_it(
    server: ServerProcess, new_library_page: NewLibraryPage
) -> None:
    ann = new_library_page().register()
    token = ann.run("return await chat.tokens.getAccessToken()")
    reply = call(server.url, "POST", "/rooms", {"name": "Of another device"}, token=token)
    room_id = reply.json["room"]["id"]
    ann.until("chat.rooms.get(argument)", room_id)  # it was told; what follows is a list that was cut
    ann.run("chat.rooms.remove(argument, 'left'); chat.send(argument, 'hello');", room_id)
    ann.until_held(room_id, 1)


def test_a_message_to_a_room_that_the_user_has_left_is_kept_as_failed_and_sent_after_a_return(
    new_library_page: NewLibraryPage,
) -> None:
    ann, bob = new_library_page("ann").register(), new_library_page("bob").register()
    room_id = bob.make_room()
    ann.open_room(room_id)
    ann.run("await chat.leave(argument); chat.send(argument, 'too late');", room_id)
    ann.until("chat.unsent(argument)[0].state === 'failed'", room_id)
    assert ann.run("return chat.unsent(argument)[0].error.code", room_id) == "not_member"
    told = ann.run("return chat.log.find(([name]) => name === 'undeliverable')[1]")
    assert told == {"roomId": room_id, "content": "too late"}
    ann.open_room(room_id)
    ann.run("chat.retry(chat.unsent(argument)[0].clientId)", room_id)
    ann.until_held(room_id, 1)
    assert ann.held(room_id) == ["too late"]


def test_a_slow_room_holds_up_itself_alone(new_library_page: NewLibraryPage) -> None:
    bob, ann = new_library_page("bob").register(), new_library_page("ann").register()
    slow, quick = bob.make_room("slow"), ann.make_room("quick")
    bob.run("await chat.api.rooms.change(argument, { slowModeS: 3600 })", slow)
    ann.open_room(slow)
    ann.send(slow, ["one", "two"])
    ann.until("chat.unsent(argument)[0]?.error?.code === 'rate_limited'", slow)
    ann.send(quick, ["one", "two"])
    ann.until("chat.unsent(argument).length === 0", quick)
    assert [entry["state"] for entry in ann.run("return chat.unsent(argument)", slow)] == ["waiting"]
