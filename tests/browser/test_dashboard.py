"""The dashboard in real Chromium: its numbers are the server's, it says when they are old, and it shows them to nobody
else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import BrowserContext, Page, expect
from websockets.sync.client import ClientConnection, connect

from tests.browser.person import PASSWORD, Person
from tests.support import accounts, client
from tests.support.server import ServerProcess, serving

QUICK = {"MONITOR_INTERVAL": "0.5"}
FROM_ELSEWHERE = {**QUICK, "METRICS_ALLOW": "10.0.0.0/8", "ADMIN_USERS": "olga"}
PHONE = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
REFUSED = "status of 403"  # Chromium's own line about it
SEEN = """(state) => {
    Object.defineProperty(document, "visibilityState", { get: () => state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""

Look = Callable[..., Person]
Start = Callable[..., ServerProcess]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server for the tests that leave it as it was: two sockets are one more than it is said to bear."""
    with serving(tmp_path_factory.mktemp("shared") / "data", {**QUICK, "ALERT_CONNECTIONS_THRESHOLD": "2"}) as one:
        yield one


@pytest.fixture
def look(new_context: Callable[..., BrowserContext]) -> Iterator[Look]:
    """Call with a server's URL: somebody looks at its dashboard.

    Ends with the check that no page complained, asked another host, or put a token into an address.
    """
    watchers: list[Person] = []
    asked: list[str] = []

    def make(url: str, query: str = "", *, ignored: tuple[str, ...] = (), **options: Any) -> Person:
        page = new_context(**options).new_page()
        watcher = Person(page, url=url, name=f"watcher-{len(watchers)}")
        watchers.append(watcher)
        watcher.ignored += ignored
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{url}/dashboard?every=1{query}")
        return watcher

    yield make
    assert [complaint for watcher in watchers for complaint in watcher.complaints] == []
    assert [one for one in asked if not any(one.startswith(watcher.url + "/") for watcher in watchers)] == []
    assert [one for one in asked if "token=" in one.lower()] == []


def is_live(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-state", "live")
    expect(page.locator("#board")).to_be_visible()


def violations(page: Page) -> list[tuple[str, list[str]]]:
    """All that axe finds, however small."""
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in Axe().run(page).response["violations"]]


def tile(page: Page, name: str) -> Any:
    return page.locator(f"#tile-{name}")


def send(socket: ClientConnection, event: str, **data: str) -> None:
    """One command, acked."""
    socket.send(json.dumps({"event": event, "id": "1", "data": data}))
    for frame in map(json.loads, socket):
        if frame.get("id") == "1":
            assert frame["event"] == "ack", frame
            return


def test_the_numbers_are_those_of_a_real_conversation_and_an_alert_comes_and_goes(
    shared: ServerProcess, look: Look
) -> None:
    page = look(shared.url).page
    is_live(page)
    expect(page.locator('#active [data-alert="connections"]')).to_have_count(0)
    expect(tile(page, "connections")).to_contain_text("peak")
    person = client.register(shared.url)
    room_id = person.make_room()["id"]
    with ExitStack() as sockets:
        ann, bob = (
            sockets.enter_context(connect(f"{shared.ws_url}?token={person.access_token}", max_queue=None))
            for _ in range(2)
        )
        for socket in (ann, bob):
            send(socket, "joinRoom", roomId=room_id)
        for number in range(30):
            send(ann, "sendMessage", roomId=room_id, content=f"message {number}")
        expect(tile(page, "messages-in")).to_contain_text("30 since the start")
        expect(tile(page, "messages-out")).to_contain_text("60 since the start")
        expect(tile(page, "connections").locator(".tile-value")).to_have_text("2")
        expect(page.locator("#part-rooms tbody")).to_contain_text(re.compile(rf"{room_id}\s*2"))
        raised = page.locator('#active [data-alert="connections"]')
        expect(raised).to_contain_text("2, threshold 2")
        page.reload()
        is_live(page)
        expect(page.locator('.chart[data-metric="connections"] svg')).to_have_attribute(
            "aria-label", re.compile(r"newest 2, .*highest 2")
        )
        expect(page.locator('.chart[data-metric="messagesIn"] svg')).to_have_attribute(
            "aria-label", re.compile(r"highest [1-9]")
        )
    expect(raised).to_have_count(0)
    expect(page.locator("#alerts tbody tr", has_text="Connections").first).to_contain_text(
        re.compile(r"Connections\s*warning\s*2\s*2")
    )
    expect(tile(page, "connections").locator(".tile-value")).to_have_text("0")


def test_scope_and_range_are_chosen_with_the_keyboard_and_kept_in_the_address(
    shared: ServerProcess, look: Look
) -> None:
    page = look(shared.url).page
    is_live(page)
    expect(page.locator("#cluster")).to_be_hidden()
    expect(page.locator("#charts-title")).to_have_text("The last hour")
    page.locator('input[value="process"]').focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#processes tbody tr")).to_have_count(1)
    expect(page.locator("#processes tbody th")).to_have_text(page.locator("#process-id").inner_text())
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#charts-title")).to_have_text("The last day")
    assert "scope=cluster" in page.url and "range=day" in page.url
    page.reload()
    is_live(page)
    expect(page.locator("#charts-title")).to_have_text("The last day")
    expect(page.locator('input[value="cluster"]')).to_be_checked()


def test_a_chart_is_read_with_the_pointer_and_with_the_keyboard(shared: ServerProcess, look: Look) -> None:
    page = look(shared.url).page
    chart = page.locator('.chart[data-metric="memory"]')
    expect(chart.locator(".chart-now")).to_contain_text("MiB")
    chart.locator(".chart-plot").hover()
    expect(chart.locator(".chart-readout")).to_contain_text(re.compile(r"MiB at \d\d:\d\d:\d\d"))
    page.mouse.move(0, 0)
    expect(chart.locator(".chart-readout")).to_have_text("")
    chart.locator(".chart-slider").focus()
    page.keyboard.press("Home")
    expect(chart.locator(".chart-readout")).to_contain_text("MiB at")
    expect(chart.locator(".chart-slider")).to_have_attribute("aria-valuetext", re.compile("MiB at"))
    expect(chart.locator("svg")).to_have_attribute(
        "aria-label", re.compile("^Memory, the last hour: newest .*MiB, lowest")
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_a_phone_needs_a_finger_and_no_sideways_scrolling(
    shared: ServerProcess, look: Look, scheme: str
) -> None:
    page = look(shared.url, "&scope=cluster", color_scheme=scheme, **PHONE).page
    is_live(page)
    expect(page.locator(".chart").first).to_be_visible()
    # They are dimmed, and fade in, until their history has come
    expect(page.locator("#charts")).to_have_css("opacity", "1")
    expect(page.locator("#processes tbody tr")).to_have_count(1)
    assert violations(page) == []
    assert page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth)") == 320
    chart = page.locator('.chart[data-metric="memory"]')
    chart.locator(".chart-plot").tap()
    expect(chart.locator(".chart-readout")).to_contain_text("MiB at")
    page.locator("#charts-title").tap()
    expect(chart.locator(".chart-readout")).to_have_text("")


def test_what_clients_chose_is_text(
    shared: ServerProcess, look: Look, new_context: Callable[..., BrowserContext]
) -> None:
    page = look(shared.url).page
    is_live(page)
    hostile = "<img src=x onerror=document.title='owned'>"

    def answer(route: Any) -> None:
        told = route.fetch().json()
        told["rooms"]["top"] = [{"roomId": hostile, "connections": 3}]
        route.fulfill(json=told)

    page.route("**/metrics/websocket*", answer)
    expect(page.locator("#part-rooms tbody th")).to_have_text(hostile)
    assert page.locator("#part-rooms img").count() == 0
    assert page.title() == "Monitoring · Chat Rooms"
    page.unroute_all(behavior="wait")


def test_a_server_that_dies_is_told_of_and_one_that_comes_back_is_live_again(start: Start, look: Look) -> None:
    server = start()
    page = look(server.url).page
    is_live(page)
    first = page.locator("#process-id").inner_text()
    server.kill()
    expect(page.locator("html")).to_have_attribute("data-state", "away")
    expect(page.locator("#banner-text")).to_contain_text("The server does not answer. This is how it was at")
    expect(page.locator("#live-text")).to_have_text("No answer")
    expect(page.locator("#process-id")).to_have_text(first)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert violations(page) == []
    server.start()
    is_live(page)
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator("#process-id")).not_to_have_text(first)
    page.evaluate(SEEN, "hidden")
    expect(page.locator("#live-text")).to_have_text("Paused")
    page.evaluate(SEEN, "visible")
    is_live(page)


def test_from_elsewhere_only_an_admin_sees_the_numbers(start: Start, look: Look) -> None:
    server = start(**FROM_ELSEWHERE)
    accounts.create_account(server, "olga")
    client.register(server.url, "bob")
    watcher = look(server.url, ignored=(REFUSED,))
    page = watcher.page

    def log_in(name: str) -> None:
        page.locator("#login-name").fill(name)
        page.locator("#login-password").fill(PASSWORD)
        page.locator("#login-submit").click()

    expect(page.locator("#access-text")).to_contain_text("METRICS_ALLOW")
    expect(page.locator("#login-name")).to_be_focused()
    expect(page.locator("#board")).to_be_hidden()
    assert violations(page) == []
    log_in("bob")
    expect(page.locator("#access-text")).to_contain_text("You are logged in as bob, who is not one of them.")
    log_in("olga")
    is_live(page)
    expect(page.locator("#session-name")).to_have_text("olga")
    expect(page.locator(".chart").first).to_be_visible()
    page.reload()
    is_live(page)
    page.locator("#logout").click()
    expect(page.locator("#access")).to_be_visible()
    expect(page.locator("#session")).to_be_hidden()
