"""Pages that stay open for hours: what they hold stays bounded, and they ask the server for no more than at first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.person import Person
from tests.support import client
from tests.support.server import ServerProcess, serving
from tests.support.waiting import poll

HOURS_MS = 3_600_000
TURNS = 4  # 20 show the same in half a minute
NewPerson = Callable[..., Person]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server without limits: what comes in hours comes here in seconds."""
    with serving(tmp_path_factory.mktemp("unlimited") / "data", {"RATE_LIMIT_ENABLED": "false"}) as one:
        yield one


def requests_of(page: Page) -> Counter[str]:
    """The requests of the page from now on, by path."""
    asked: Counter[str] = Counter()
    page.on("request", lambda request: asked.update([urlsplit(request.url).path]))
    return asked


def test_what_replies_answer_is_asked_for_once_however_many_there_are(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann, bob = new_person("ann"), client.register(server.url)
    room_id = ann.make_room(room_name)
    bob.join(room_id)
    old = [bob.post(room_id, f"question {number}")["id"] for number in range(110)]
    for number in range(60):
        bob.post(room_id, f"between {number}")
    ann.send_message("I have read all")
    ann.expect_message("I have read all")
    ann.page.reload()
    ann.expect_message("I have read all")
    asked = requests_of(ann.page)
    for number, message_id in enumerate(old):
        bob.post(room_id, f"answer {number}", replyToId=message_id)
    ann.expect_message("answer 109")
    bob.post(room_id, "one more")
    ann.expect_message("one more")
    quotes = ann.timeline.locator(".quote")
    for number in range(3):
        bob.post(room_id, f"again {number}")
        ann.expect_message(f"again {number}")
        poll(lambda: all("question" in text for text in quotes.all_inner_texts()))
    read = Counter({path: count for path, count in asked.items() if path.startswith("/messages/")})
    assert read.most_common(1)[0][1] == 1, read
    assert len(read) <= len(old)


class Sockets:
    """The sockets of a page, whose network a test can lose."""

    def __init__(self, page: Page) -> None:
        self._open: list[WebSocketRoute] = []
        self._dead: list[WebSocketRoute] = []
        page.route_web_socket("**/ws*", self._opened)

    def cut_half_open(self) -> None:
        """Those that are there pass nothing on from now on, and are not closed."""
        self._dead = self._open[:]

    def drop(self) -> None:
        for socket in self._open:
            socket.close(code=4408)
        self._open = []

    def _opened(self, socket: WebSocketRoute) -> None:
        self._open.append(socket)
        server = socket.connect_to_server()

        def pass_on(data: str | bytes, to: WebSocketRoute) -> None:
            if socket not in self._dead:
                to.send(data)

        socket.on_message(lambda data: pass_on(data, server))
        server.on_message(lambda data: pass_on(data, socket))


def test_after_a_laptop_has_slept_the_page_comes_back_by_itself_with_what_was_missed_as_unread(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann, bob = new_person("ann", registered=False), client.register(server.url)
    page = ann.page
    page.clock.install()
    sockets = Sockets(page)
    ann.open_with_session()
    other_name = f"{room_name} too"
    other_id, room_id = ann.make_room(other_name), ann.make_room(room_name)
    for one in (room_id, other_id):
        bob.join(one)
    ann.send_message("Good night")
    ann.expect_message("Good night")
    # The lid closes: no event tells the page of it, its timers stand still, its token expires.
    sockets.cut_half_open()
    page.clock.set_system_time(page.evaluate("Date.now()") + 8 * HOURS_MS)
    for number in range(60):
        bob.post(room_id, f"night {number}")
    for number in range(3):
        bob.post(other_id, f"elsewhere {number}")
    asked = requests_of(page)
    page.clock.run_for(45_000)  # the next heartbeat, and the wait for its answer
    ann.expect_message("night 59")
    expect(ann.room_button(other_name)).to_contain_text("3")
    bar = page.locator(".unread-bar")
    expect(bar).to_contain_text("60 new")
    bar.get_by_role("button", name="Jump", exact=True).click()
    expect(ann.message("night 0")).to_be_in_viewport()
    seqs = ann.seqs  # of the rows around what is visible
    assert seqs == list(range(seqs[0], seqs[-1] + 1))
    assert asked["/auth/refresh"] == 1
    assert sum(asked.values()) < 15, asked
    ann.send_message("Good morning")
    ann.expect_message("Good morning")
    expect(ann.unsent).to_have_count(0)


def test_on_a_slow_and_lossy_network_nothing_is_doubled_or_lost_and_each_wait_is_said(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann, bob = new_person("ann", registered=False), client.register(server.url)
    page = ann.page
    sockets = Sockets(page)
    ann.ignored_errors = (*ann.ignored_errors, "ERR_INTERNET_DISCONNECTED")
    ann.open_with_session()
    room_id = ann.make_room(room_name)
    bob.join(room_id)
    network = page.context.new_cdp_session(page)

    def set_network(*, offline: bool) -> None:
        slow = {"latency": 500, "downloadThroughput": 50_000, "uploadThroughput": 20_000}
        network.send("Network.emulateNetworkConditions", {"offline": offline, **slow})

    asked = requests_of(page)
    for turn in range(TURNS):
        set_network(offline=True)
        sockets.drop()
        expect(ann.banner).to_contain_text("You are offline")
        ann.send_message(f"offline {turn}")
        expect(ann.messages("waiting")).to_contain_text("Waiting to be sent")
        bob.post(room_id, f"meanwhile {turn}")
        set_network(offline=False)
        ann.send_message(f"online {turn}")
        expect(ann.banner).to_be_hidden()
        for text in (f"offline {turn}", f"online {turn}", f"meanwhile {turn}"):
            ann.expect_message(text)
        expect(ann.unsent).to_have_count(0)
    stored = bob.call("GET", "/messages", roomId=room_id, limit=100).json["messages"]
    texts = [one["content"] for one in stored]
    assert sorted(texts) == sorted(f"{word} {n}" for word in ("offline", "online", "meanwhile") for n in range(TURNS))
    own = [one["content"] for one in stored if one["userId"] != bob.id]
    assert own == [f"{word} {n}" for n in range(TURNS) for word in ("offline", "online")]
    seqs, shown = ann.seqs, ann.stored  # of the rows around what is visible
    assert seqs == list(range(seqs[0], len(stored) + 1))
    assert shown == texts[-len(shown) :]
    assert max(asked.values()) <= TURNS + 2, asked
