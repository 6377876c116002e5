"""Pages that stay open for hours: what they hold stays bounded, they ask the server for no more than at first, and they
come back by themselves.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Route, WebSocketRoute, expect

from common.rfc3339 import rfc3339_from_s
from tests.browser.person import Person
from tests.support import client
from tests.support.server import ServerProcess, serving
from tests.support.waiting import poll

HOURS_MS = 3_600_000
STARTED_MS = 1_800_000_000_000
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


class Held(NamedTuple):
    """What a page holds once all that can be freed is freed."""

    nodes: int
    listeners: int


def held_by(page: Page) -> Held:
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    for _ in range(2):  # what the first one frees frees more
        devtools.send("HeapProfiler.collectGarbage")
    found = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
    devtools.detach()
    return Held(int(found["Nodes"]), int(found["JSEventListeners"]))


def test_rooms_panels_dialogs_and_lost_connections_leave_nothing_behind(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann, bob = new_person("ann", registered=False), client.register(server.url)
    page = ann.page
    sockets = Sockets(page)
    ann.open_with_session()
    quiet_id = ann.make_room(room_name)
    busy_ids = [bob.make_room(name=f"{room_name} {number}")["id"] for number in range(3)]
    for busy_id in busy_ids:
        assert ann.call("POST", f"/rooms/{busy_id}/join") == 200
    bob.join(quiet_id)
    root_id = bob.post(quiet_id, "a root")["id"]
    panels = ["people", "search", "files", "unread", "mentions", f"thread&id={root_id}", f"profile&id={bob.id}"]

    dialogs = [(page.get_by_role("button", name="Add a room"), "New room"), (ann.own_line, "Preferences")]

    def go(room_id: str, panel: str = "") -> None:
        page.evaluate("(hash) => void (location.hash = hash)", f"room={room_id}{panel and '&panel='}{panel}")

    def pass_hours() -> Held:
        for number in range(90):
            bob.post(busy_ids[number % 3], f"message {number} **bold** https://example.test/{number}")
        for busy_id in busy_ids:
            go(busy_id)
            ann.expect_message("message ")
        sockets.drop()
        go(quiet_id)
        ann.expect_message("a root")
        ann.expect_online()
        for panel in panels:
            go(quiet_id, panel)
            expect(ann.panel.locator(".panel-body")).to_be_visible()
        go(quiet_id)
        expect(ann.panel).to_be_hidden()
        for opener, item in dialogs:
            ann.choose(opener, item)
            expect(ann.dialog).to_be_visible()
            page.keyboard.press("Escape")
            expect(ann.dialog).to_have_count(0)
        return held_by(page)

    pass_hours()  # modules are loaded, drafts begun
    before, after = pass_hours(), pass_hours()
    assert after.nodes <= before.nodes + 10
    assert after.listeners <= before.listeners + 2


def test_what_replies_answer_is_asked_for_once_however_many_there_are(
    server: ServerProcess, new_person: NewPerson, room_name: str
) -> None:
    ann, bob = new_person("ann"), client.register(server.url)
    room_id = ann.make_room(room_name)
    bob.join(room_id)
    old = [bob.post(room_id, f"question {number}")["id"] for number in range(110)]
    for number in range(110):  # more than are loaded above what is shown
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
    assert set(read.values()) == {1}, read


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


class DayOfTwoProcesses:
    """Answers the dashboard as a server with two processes does, at a time that the test sets."""

    def __init__(self, page: Page, server: ServerProcess) -> None:
        self.now_ms = STARTED_MS
        self.has_alert = False
        self._page = page
        self._reply = client.call(server.url, "GET", "/metrics/snapshot", scope="cluster").json
        page.route("**/metrics/snapshot*", self._answer)

    def look(self, minutes: int, *, times: int = 1) -> None:
        """Let so many minutes pass, and the page look at the end of them; again so many times."""
        for _ in range(times):
            self.now_ms += minutes * 60_000
            with self._page.expect_response("**/metrics/snapshot*"):
                self._page.clock.fast_forward(abs(minutes) * 60_000)

    def _answer(self, route: Route) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        at = rfc3339_from_s(self.now_ms / 1000)
        alert = {"name": "connections", "severity": "warning", "value": 9, "threshold": 5, "since": at}
        alerts = [{**alert, "subject": None, "resolvedAt": None}] if self.has_alert else []
        (own,) = self._reply["processes"]
        processes = [
            {**own, "processId": name, "at": at, "sample": {"connections": connections}, "alerts": alerts}
            for name, connections in (("first", 3), ("second", self.now_ms // 600_000 % 7))
        ]
        chosen = query.get("process", ["first"])[0] if query["scope"] == ["process"] else None
        fields = {"at": at, "scope": query["scope"][0], "processId": chosen, "answeredBy": "first", "history": None}
        route.fulfill(json={**self._reply, **fields, "processes": processes})


def test_a_dashboard_that_is_open_for_a_day_shows_the_day_and_holds_no_more_than_in_the_morning(
    server: ServerProcess, new_context: Callable[..., BrowserContext]
) -> None:
    page = new_context(timezone_id="UTC").new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.clock.install()
    day = DayOfTwoProcesses(page, server)
    page.goto(f"{server.url}/dashboard?every=60#scope=cluster&span=24h")
    chart = page.locator('figure[data-metric="connections"]')
    slider = page.get_by_label("Crosshair")

    def go(choice: str) -> None:
        with page.expect_response("**/metrics/snapshot*"):
            page.evaluate("(choice) => void (location.hash = choice)", choice)

    def pass_hours(hours: int) -> Held:
        for _ in range(hours):
            day.has_alert = True
            day.look(10)
            expect(chart.locator(".chart-mark")).not_to_have_count(0)
            day.has_alert = False
            slider.focus()
            for key in ("End", "ArrowLeft", "+"):
                page.keyboard.press(key)
            expect(page.get_by_role("button", name="Zoom out")).to_be_visible()
            day.look(10)
            page.keyboard.press("Escape")
            page.get_by_role("button", name="Pause").click()
            with page.expect_response("**/metrics/snapshot*"):
                page.get_by_role("button", name="Resume").click()
            go("#process=second&span=6h")
            day.look(10)
            go("#scope=cluster&span=24h")
            day.look(10, times=3)
        slider.evaluate("(one) => one.blur()")
        expect(chart.locator(".chart-mark")).to_have_count(0)
        expect(page.locator(".chart-crosshair")).to_have_count(0)
        return held_by(page)

    def expect_time(key: str, epoch_ms: int) -> None:
        """The first or last time of the charts, by Home or End on the slider."""
        slider.focus()
        page.keyboard.press(key)
        expect(slider).to_have_attribute("aria-valuetext", clock(epoch_ms))
        slider.evaluate("(one) => one.blur()")

    pass_hours(1)
    morning = pass_hours(2)
    day.look(10, times=80)
    day.look(3 * 60)  # the computer sleeps
    day.look(10, times=30)
    expect(chart.locator(".chart-line")).to_have_count(2)
    evening = pass_hours(2)
    assert evening.nodes <= morning.nodes + 40, (morning, evening)  # the line after the gap
    assert evening.listeners <= morning.listeners, (morning, evening)
    expect_time("Home", day.now_ms - 24 * HOURS_MS)
    expect_time("End", day.now_ms)
    day.look(-60)  # the server's clock is set back
    day.look(10)
    expect_time("End", day.now_ms)
    assert problems == []


def clock(epoch_ms: int) -> str:
    """A time of the day as the dashboard tells it."""
    return time.strftime("%H:%M:%S", time.gmtime(epoch_ms / 1000))
