"""The dashboard in Chromium: it shows the server's metrics, says when they are old, and only operators see them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import BrowserContext, Page, expect
from websockets.sync.client import ClientConnection, connect

from tests.browser.person import PASSWORD, Person
from tests.support import accounts, client
from tests.support.kept_history import keep_history
from tests.support.server import ServerProcess, serving

QUICK = {"MONITOR_INTERVAL": "0.5"}
FROM_ELSEWHERE = {**QUICK, "METRICS_ALLOW": "10.0.0.0/8", "ADMIN_USERS": "olga"}
PHONE = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
REFUSED = "status of 403"  # of Chromium's console message
SET_VISIBILITY = """(state) => {
    Object.defineProperty(document, "visibilityState", { get: () => state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""

OpenDashboard = Callable[..., Person]
StartServer = Callable[..., ServerProcess]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that several tests share. Two connections reach its threshold for an alert."""
    with serving(tmp_path_factory.mktemp("shared") / "data", {**QUICK, "ALERT_CONNECTIONS_THRESHOLD": "2"}) as one:
        yield one


@pytest.fixture
def open_dashboard(new_context: Callable[..., BrowserContext]) -> Iterator[OpenDashboard]:
    """Open the dashboard of a server by its URL.

    At the end no page may have a console error, a request to another host, or a token in a URL.
    """
    watchers: list[Person] = []
    requested_urls: list[str] = []

    def make(url: str, query: str = "", *, ignored_errors: tuple[str, ...] = (), **options: Any) -> Person:
        page = new_context(**options).new_page()
        watcher = Person(page, url=url, name=f"watcher-{len(watchers)}")
        watchers.append(watcher)
        watcher.ignored_errors += ignored_errors
        page.on("request", lambda request: requested_urls.append(request.url))
        page.goto(f"{url}/dashboard?every=1{query}")
        return watcher

    yield make
    assert [complaint for watcher in watchers for complaint in watcher.console_errors] == []
    assert [one for one in requested_urls if not any(one.startswith(watcher.url + "/") for watcher in watchers)] == []
    assert [one for one in requested_urls if "token=" in one.lower()] == []


def expect_live(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-state", "live")
    expect(page.locator("#board")).to_be_visible()


def violations(page: Page) -> list[tuple[str, list[str]]]:
    """All violations that axe finds, of any impact."""
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in Axe().run(page).response["violations"]]


def tile(page: Page, name: str) -> Any:
    return page.locator(f"#tile-{name}")


def send(socket: ClientConnection, event: str, **data: str) -> None:
    """Send a command and wait for its ack."""
    socket.send(json.dumps({"event": event, "id": "1", "data": data}))
    for frame in map(json.loads, socket):
        if frame.get("id") == "1":
            assert frame["event"] == "ack", frame
            return


def test_the_numbers_are_those_of_a_real_conversation_and_an_alert_comes_and_goes(
    shared: ServerProcess, open_dashboard: OpenDashboard
) -> None:
    page = open_dashboard(shared.url).page
    expect_live(page)
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
        expect_live(page)
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
    shared: ServerProcess, open_dashboard: OpenDashboard
) -> None:
    page = open_dashboard(shared.url).page
    expect_live(page)
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
    expect_live(page)
    expect(page.locator("#charts-title")).to_have_text("The last day")
    expect(page.locator('input[value="cluster"]')).to_be_checked()


def test_a_chart_is_read_with_the_pointer_and_with_the_keyboard(
    shared: ServerProcess, open_dashboard: OpenDashboard
) -> None:
    page = open_dashboard(shared.url).page
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
def test_axe_finds_nothing_and_on_a_phone_touch_works_and_nothing_scrolls_sideways(
    shared: ServerProcess, open_dashboard: OpenDashboard, scheme: str
) -> None:
    page = open_dashboard(shared.url, "&scope=cluster", color_scheme=scheme, **PHONE).page
    expect_live(page)
    expect(page.locator(".chart").first).to_be_visible()
    # The charts are dimmed until their history is loaded
    expect(page.locator("#charts")).to_have_css("opacity", "1")
    expect(page.locator("#processes tbody tr")).to_have_count(1)
    assert violations(page) == []
    assert page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth)") == 320
    chart = page.locator('.chart[data-metric="memory"]')
    chart.locator(".chart-plot").tap()
    expect(chart.locator(".chart-readout")).to_contain_text("MiB at")
    page.locator("#charts-title").tap()
    expect(chart.locator(".chart-readout")).to_have_text("")


def test_the_forecast_says_in_words_when_a_limit_is_reached_and_what_is_not_known(
    tmp_path: Path, open_dashboard: OpenDashboard
) -> None:
    # The disk, because its line goes on from here: what the server itself measures must not be a step.
    free = psutil.disk_usage(str(tmp_path)).free
    with ThreadPoolExecutor(1) as pool:  # Playwright runs a loop in this thread
        kept = keep_history(tmp_path, "diskFreeBytes", lambda hour: free * (1 - hour / 8), hours=10)
        pool.submit(asyncio.run, kept).result()
    with serving(tmp_path, {**QUICK, "MONITOR_RETENTION_DAYS": "2"}) as server:
        page = open_dashboard(server.url, **PHONE).page
        expect_live(page)
        disk = page.locator('#forecasts [data-resource="disk"]')
        expect(disk).to_contain_text(
            re.compile(r"Reaches its end in about (7\.9|8|8\.1) h \(.* h\)\. Now [\d.,]+ \w+ free\.")
        )
        expect(disk.locator(".urgent")).to_have_count(1)
        expect(page.locator('#forecasts [data-resource="memory"]')).to_contain_text("Not known yet")
        raised = page.locator('#active [data-alert="forecast"]')
        expect(raised).to_contain_text(re.compile(r"Forecast: disk.*threshold 24 h"))
        expect(page.locator("#charts")).to_have_css("opacity", "1")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert violations(page) == []
        assert page.evaluate("Math.max(document.documentElement.scrollWidth, innerWidth)") == 320


def test_html_in_values_from_clients_is_shown_as_text(
    shared: ServerProcess, open_dashboard: OpenDashboard, new_context: Callable[..., BrowserContext]
) -> None:
    page = open_dashboard(shared.url).page
    expect_live(page)
    hostile = "<img src=x onerror=document.title='owned'>"

    def answer(route: Any) -> None:
        reply = route.fetch().json()
        reply["rooms"]["top"] = [{"roomId": hostile, "connections": 3}]
        route.fulfill(json=reply)

    page.route("**/metrics/websocket*", answer)
    expect(page.locator("#part-rooms tbody th")).to_have_text(hostile)
    assert page.locator("#part-rooms img").count() == 0
    assert page.title() == "Monitoring · Chat Rooms"
    page.unroute_all(behavior="wait")


def test_the_page_says_that_the_server_is_away_and_is_live_again_after_its_restart(
    start_server: StartServer, open_dashboard: OpenDashboard
) -> None:
    server = start_server()
    page = open_dashboard(server.url).page
    expect_live(page)
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
    expect_live(page)
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator("#process-id")).not_to_have_text(first)
    page.evaluate(SET_VISIBILITY, "hidden")
    expect(page.locator("#live-text")).to_have_text("Paused")
    page.evaluate(SET_VISIBILITY, "visible")
    expect_live(page)


def test_from_elsewhere_only_an_admin_sees_the_numbers(
    start_server: StartServer, open_dashboard: OpenDashboard
) -> None:
    server = start_server(**FROM_ELSEWHERE)
    accounts.create_account(server, "olga")
    client.register(server.url, "bob")
    watcher = open_dashboard(server.url, ignored_errors=(REFUSED,))
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
    expect_live(page)
    expect(page.locator("#session-name")).to_have_text("olga")
    expect(page.locator(".chart").first).to_be_visible()
    page.reload()
    expect_live(page)
    page.locator("#logout").click()
    expect(page.locator("#access")).to_be_visible()
    expect(page.locator("#session")).to_be_hidden()
