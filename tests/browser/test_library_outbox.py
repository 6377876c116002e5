"""The client library alone: what was written is sent, whatever happens to the page, its storage or its room."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext

from tests.browser.library_page import LibraryPage
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
