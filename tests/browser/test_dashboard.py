"""The dashboard in Chromium: it says whether all is well, shows the server's metrics over one time axis, says when they
are old, and only operators see them.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import BrowserContext, Locator, Page, expect
from websockets.sync.client import ClientConnection, connect

from tests.browser.person import PASSWORD, SET_VISIBILITY, Person
from tests.support import accounts, client
from tests.support.kept_history import keep_history
from tests.support.redis_server import RedisServer
from tests.support.server import ServerProcess, serving
from tests.support.waiting import poll

QUICK = {"MONITOR_INTERVAL": "0.5"}
FROM_ELSEWHERE = {**QUICK, "METRICS_ALLOW": "10.0.0.0/8", "ADMIN_USERS": "olga"}
PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
REFUSED, NOT_FOUND = "status of 403", "status of 404"  # of Chromium's console messages

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

    def make(url: str, address: str = "", *, ignored_errors: tuple[str, ...] = (), **options: Any) -> Person:
        page = new_context(**options).new_page()
        watcher = Person(page, url=url, name=f"watcher-{len(watchers)}")
        watchers.append(watcher)
        watcher.ignored_errors += ignored_errors
        page.on("request", lambda request: requested_urls.append(request.url))
        page.goto(f"{url}/dashboard?every=1{address}")
        return watcher

    yield make
    assert [complaint for watcher in watchers for complaint in watcher.console_errors] == []
    assert [one for one in requested_urls if not any(one.startswith(watcher.url + "/") for watcher in watchers)] == []
    assert [one for one in requested_urls if "token=" in one.lower()] == []


def expect_live(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-state", "live")
    expect(page.locator(".charts")).to_have_attribute("aria-busy", "false")


def well(about: str = "", *, before: str = "") -> re.Pattern[str]:
    """The verdict that all is well, or that the loop lags: on a machine that stands still for a moment it does."""
    return re.compile(rf"^{before}(All is well{about}|Degraded: event loop lag .*)")


def violations(page: Page) -> list[tuple[str, list[str]]]:
    """All violations that axe finds, of any impact, once all that moves has come to rest."""
    page.evaluate("Promise.allSettled(document.getAnimations().map((animation) => animation.finished))")
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in Axe().run(page).response["violations"]]


def tile(page: Page, name: str) -> Locator:
    return page.locator(f'[data-tile="{name}"]')


def chart(page: Page, name: str) -> Locator:
    return page.locator(f'figure[data-metric="{name}"]')


def verdict(page: Page) -> Locator:
    return page.get_by_role("status")


def process_of(page: Page) -> str:
    """The id of the process that is shown."""
    chosen: str = page.get_by_label("Of what").input_value()
    return chosen


def send(socket: ClientConnection, event: str, **data: str) -> None:
    """Send a command and wait for its ack."""
    socket.send(json.dumps({"event": event, "id": "1", "data": data}))
    for frame in map(json.loads, socket):
        if frame.get("id") == "1":
            assert frame["event"] == "ack", frame
            return


def test_where_monitoring_is_off_the_verdict_says_that_nothing_is_measured(
    start_server: StartServer, open_dashboard: OpenDashboard
) -> None:
    page = open_dashboard(start_server(ENABLE_PERFORMANCE_MONITORING="false").url).page
    expect(verdict(page)).to_have_text(re.compile(r"^Nothing is measured: .*ENABLE_PERFORMANCE_MONITORING"))
    expect(page).to_have_title(re.compile("^Nothing is measured"))


def test_the_verdict_and_the_numbers_are_those_of_a_real_conversation_and_an_alert_comes_and_goes(
    shared: ServerProcess, open_dashboard: OpenDashboard
) -> None:
    page = open_dashboard(shared.url).page
    expect_live(page)
    expect(verdict(page)).to_have_text(well(r" · 1 process · 0 connections · since \d+ "))
    assert page.locator("#page > :first-child").get_by_role("status").count() == 1, "the first thing on the page"
    expect(page.locator('[data-alert="connections"]')).to_have_count(0)
    person = client.register(shared.url)
    room_id = person.make_room(name="Kitchen <b>table</b>")["id"]
    secret_id = person.make_room(name="A surprise", isPrivate=True)["id"]
    with ExitStack() as sockets:
        ann, bob = (
            sockets.enter_context(connect(f"{shared.ws_url}?token={person.access_token}", max_queue=None))
            for _ in range(2)
        )
        for socket in (ann, bob):
            send(socket, "joinRoom", roomId=room_id)
        send(ann, "joinRoom", roomId=secret_id)
        for number in range(30):
            send(ann, "sendMessage", roomId=room_id, content=f"message {number}")
        expect(tile(page, "connections").locator(".tile-value")).to_have_text("2")
        rooms = page.locator("#part-rooms")
        expect(rooms.locator(f'[data-room-id="{room_id}"]')).to_have_text("Kitchen <b>table</b>2")
        expect(rooms.locator(f'[data-room-id="{secret_id}"]')).to_contain_text("A private room")
        raised = page.locator('[data-alert="connections"]')
        expect(raised).to_contain_text("2, threshold 2")
        expect(verdict(page)).to_have_text(re.compile(r"^Degraded: .*\bconnections 2 \(threshold 2\) since \d\d:\d\d"))
        expect(page).to_have_title("Degraded · Monitoring · Chat Rooms")
        expect(chart(page, "connections").locator(".chart-mark")).to_have_count(1)
        page.reload()
        expect_live(page)
        expect(chart(page, "connections").get_by_role("img")).to_have_attribute(
            "aria-label", re.compile(r"newest 2, .*highest 2")
        )
        expect(chart(page, "messagesIn").get_by_role("img")).to_have_attribute(
            "aria-label", re.compile(r"highest [0-9.]*[1-9]")
        )
        for name in ("mean", "p95", "max"):  # tile, chart and table tell the same
            told = page.locator('[data-tile="messagesOut"] dl div', has_text=name).locator("dd")
            expect(chart(page, "messagesOut").locator(".chart-foot")).to_contain_text(f"{name} {told.inner_text()}")
    expect(raised).to_have_count(0)
    expect(page.locator("#alerts tbody tr", has_text="Connections").first).to_contain_text(
        re.compile(r"Connections\s*warning\s*2\s*2")
    )
    expect(tile(page, "connections").locator(".tile-value")).to_have_text("0")
    expect(verdict(page)).to_have_text(well())


def test_a_look_is_one_request_and_a_pause_none(shared: ServerProcess, open_dashboard: OpenDashboard) -> None:
    watcher = open_dashboard(shared.url)
    page = watcher.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.removeprefix(shared.url)))
    expect_live(page)
    poll(lambda: page.wait_for_timeout(50) or len(asked) >= 4)
    assert {urlsplit(url).path for url in asked} == {"/metrics/snapshot"}
    assert all("since=" in url for url in asked[1:])
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".live")).to_contain_text("Paused")
    paused = r"Paused: this is how it was at \d\d:\d\d:\d\d\. "
    expect(verdict(page)).to_have_text(well(" · 1 process · 0 connections · since ", before=paused))
    expect(page).to_have_title("Paused · Monitoring · Chat Rooms")
    expect(page.locator(".verdict")).to_have_attribute("data-level", "wait")
    asked.clear()
    page.get_by_role("button", name="Resume").click()
    expect_live(page)
    assert all("since=" in url for url in asked)
    page.evaluate(SET_VISIBILITY, "hidden")
    page.evaluate(SET_VISIBILITY, "visible")
    expect_live(page)


def test_scope_and_span_are_chosen_with_the_keyboard_and_kept_in_the_address(
    shared: ServerProcess, open_dashboard: OpenDashboard
) -> None:
    page = open_dashboard(shared.url, ignored_errors=(NOT_FOUND,)).page
    expect_live(page)
    expect(page.get_by_role("heading", name="Charts of the last hour")).to_be_visible()
    process_id = process_of(page)
    page.get_by_label("Of what").select_option("cluster")
    expect(page).to_have_url(re.compile("#scope=cluster$"))
    expect(page.locator("#now .hint").first).to_contain_text("1 process ·")
    page.get_by_label("Of what").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="Charts of the last 6 hours")).to_be_visible()
    expect(page).to_have_url(re.compile("#scope=cluster&span=6h$"))
    page.reload()
    expect_live(page)
    expect(page.get_by_role("heading", name="Charts of the last 6 hours")).to_be_visible()
    expect(page.get_by_label("Of what")).to_have_value("cluster")
    page.get_by_label("Of what").select_option(process_id)
    expect(page).to_have_url(re.compile(f"#process={process_id}&span=6h$"))
    page.goto(f"{shared.url}/dashboard?every=1#process=gone")
    expect(page.locator(".note-line")).to_have_text("Process gone has ended. This is another one.")
    expect(page.get_by_label("Of what")).to_have_value(process_id)


def test_one_crosshair_reads_all_charts_by_pointer_and_by_keyboard(
    shared: ServerProcess, open_dashboard: OpenDashboard
) -> None:
    page = open_dashboard(shared.url, "#span=5m").page
    expect_live(page)
    memory = chart(page, "memory")
    expect(memory.locator(".chart-value")).to_contain_text("MiB")
    poll(lambda: page.wait_for_timeout(50) or page.locator("#scrubber").evaluate("(one) => one.max - one.min") >= 2)
    memory.locator(".chart-plot").hover()
    charts = page.locator("figure").count()
    expect(page.locator(".chart-crosshair")).to_have_count(charts)
    places = page.locator(".chart-crosshair").evaluate_all("(lines) => lines.map((line) => line.getAttribute('x1'))")
    assert len(set(places)) == 1, "one time"
    expect(page.locator(".scrubber-time")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
    page.mouse.move(0, 0)
    expect(page.locator(".chart-crosshair")).to_have_count(0)
    slider = page.get_by_label("Crosshair")
    slider.focus()
    page.keyboard.press("Home")
    expect(page.locator(".chart-crosshair")).to_have_count(charts)
    first = slider.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowRight")
    expect(slider).not_to_have_attribute("aria-valuetext", first or "")
    values = page.get_by_role("region", name="Values of all charts")
    at = slider.get_attribute("aria-valuetext") or ""
    expect(values.get_by_role("columnheader", name=f"At {at}")).to_be_visible()
    expect(values.locator("tbody")).to_have_attribute("aria-live", "polite")
    told = memory.locator(".chart-value").inner_text()
    expect(values.get_by_role("row", name=re.compile("^Memory")).get_by_role("cell").first).to_have_text(told)
    page.keyboard.press("Tab")
    expect(page.locator(".chart-crosshair")).to_have_count(0)


def test_a_drag_zooms_all_charts_in_and_a_double_click_or_escape_out(
    tmp_path: Path, open_dashboard: OpenDashboard
) -> None:
    with ThreadPoolExecutor(1) as pool:  # Playwright runs a loop in this thread
        kept = keep_history(tmp_path, "connections", lambda hour: 100 + 100 * (hour < -3), hours=6)
        pool.submit(asyncio.run, kept).result()
    with serving(tmp_path, {**QUICK, "MONITOR_RETENTION_DAYS": "2"}) as server:
        page = open_dashboard(server.url, "#span=6h").page
        expect_live(page)
        connections = chart(page, "connections")
        expect(connections.get_by_role("img")).to_have_attribute("aria-label", re.compile("highest 200"))
        maximum = tile(page, "connections").locator("dd").nth(2)
        expect(maximum).to_have_text("200")

        def drag(first: float, last: float, *, ends_with: Callable[[], None] = page.mouse.up) -> None:
            plot = connections.locator(".chart-plot")
            plot.scroll_into_view_if_needed()
            box = plot.bounding_box()
            assert box is not None
            page.mouse.move(box["x"] + first * box["width"], box["y"] + 60)
            page.mouse.down()
            page.mouse.move(box["x"] + last * box["width"], box["y"] + 60, steps=4)
            expect(page.locator(".chart-selection")).to_have_count(page.locator("figure").count())
            ends_with()

        drag(0.8, 0.95)
        expect(page).to_have_url(re.compile("#span=6h&from=.*&to="))
        expect(maximum).to_have_text("100")
        page.reload()
        expect_live(page)
        expect(maximum).to_have_text("100")
        drag(0.2, 0.6, ends_with=lambda: page.keyboard.press("Escape"))
        page.mouse.up()
        expect(page.locator(".chart-selection")).to_have_count(0)
        expect(page).to_have_url(re.compile("#span=6h&from=.*&to="))
        page.keyboard.press("Escape")
        expect(maximum).to_have_text("200")
        drag(0.8, 0.95)
        expect(maximum).to_have_text("100")
        connections.locator(".chart-plot").dblclick()
        expect(maximum).to_have_text("200")
        expect(page).to_have_url(re.compile("#span=6h$"))
        slider = page.get_by_label("Crosshair")
        slider.focus()
        page.keyboard.press("End")
        page.keyboard.press("+")
        expect(maximum).to_have_text("100")
        page.get_by_role("button", name="Zoom out").click()
        expect(maximum).to_have_text("200")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_on_a_phone_touch_works_and_nothing_scrolls_sideways(
    shared: ServerProcess, open_dashboard: OpenDashboard, scheme: str
) -> None:
    page = open_dashboard(shared.url, "#scope=cluster", color_scheme=scheme, **PHONE).page
    expect_live(page)
    expect(chart(page, "memory")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth)") == 360
    memory = chart(page, "memory")
    memory.locator(".chart-plot").tap()
    expect(memory.locator(".chart-point")).to_have_count(1)
    page.get_by_role("heading", name="Charts of the last hour").tap()
    expect(memory.locator(".chart-point")).to_have_count(0)
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, select, nav a, .segments label, .scrubber input")]
            .filter((one) => one.getBoundingClientRect().height < 43.5).map((one) => one.outerHTML)"""
    )
    assert small == []
    page.get_by_role("navigation", name="Sections").get_by_role("link", name="Alerts").tap()
    expect(page.get_by_role("heading", name="Past alerts")).to_be_in_viewport()
    expect(page.get_by_role("heading", name="Past alerts")).to_be_focused()
    expect(page).to_have_url(re.compile("section=alerts$"))
    expect(page.get_by_role("navigation", name="Sections")).to_be_in_viewport()
    page.evaluate("scrollTo(0, 0)")
    expect(page.get_by_role("heading", name="Past alerts")).not_to_be_in_viewport()
    page.get_by_role("navigation", name="Sections").get_by_role("link", name="Alerts").tap()
    expect(page.get_by_role("heading", name="Past alerts")).to_be_in_viewport()


def test_the_forecast_is_told_in_words_and_drawn_beyond_now(tmp_path: Path, open_dashboard: OpenDashboard) -> None:
    # The disk, because its line goes on from here: what the server itself measures must not be a step.
    free = psutil.disk_usage(str(tmp_path)).free
    with ThreadPoolExecutor(1) as pool:  # Playwright runs a loop in this thread
        kept = keep_history(tmp_path, "diskFreeBytes", lambda hour: free * (1 - hour / 8), hours=10)
        pool.submit(asyncio.run, kept).result()
    with serving(tmp_path, {**QUICK, "MONITOR_RETENTION_DAYS": "2"}) as server:
        page = open_dashboard(server.url, "#span=6h", **PHONE).page
        expect_live(page)
        disk = page.locator('[data-resource="disk"]')
        expect(disk).to_contain_text(
            re.compile(r"Reaches its end in about (7\.9|8|8\.1) h \(.* h\)\. Now [\d.,]+ \w+ free\.")
        )
        expect(disk.locator(".urgent")).to_have_count(1)
        expect(page.locator('[data-resource="memory"]')).to_contain_text("Not known yet")
        expect(chart(page, "diskFreeBytes").locator(".chart-forecast")).to_have_count(1)
        expect(chart(page, "diskFreeBytes").locator(".chart-cone")).to_have_count(1)
        expect(chart(page, "memory").locator(".chart-now-line")).to_have_count(1)
        raised = page.locator('[data-alert="forecast"]')
        expect(raised).to_contain_text(re.compile(r"Forecast: disk.*threshold 24 h"))
        expect(verdict(page)).to_contain_text(re.compile("disk at its limit in about (7|8)"))
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert violations(page) == []
        assert page.evaluate("Math.max(document.documentElement.scrollWidth, innerWidth)") == 360


def test_several_processes_are_told_together_and_each_by_a_link(tmp_path: Path, open_dashboard: OpenDashboard) -> None:
    with ExitStack() as running:
        redis = RedisServer(tmp_path / "redis")
        running.callback(redis.stop)
        env = {**redis.start().env, "JWT_SECRET": "a secret of the tests, thirty-two bytes or more", **QUICK}
        env["REDIS_TIMEOUT"] = "5000"
        first = running.enter_context(serving(tmp_path / "data", env))
        second = running.enter_context(serving(tmp_path / "data", {**env, "ALERT_CONNECTIONS_THRESHOLD": "1"}))
        page = open_dashboard(first.url, "#scope=cluster", ignored_errors=(NOT_FOUND,)).page
        expect_live(page)
        expect(verdict(page)).to_have_text(well(" · 2 processes · 0 connections"))
        person = client.register(second.url)
        with connect(f"{second.ws_url}?token={person.access_token}"):
            other = client.call(second.url, "GET", "/metrics/snapshot").json["answeredBy"]
            expect(page.locator(f'#processes tbody tr[data-process-id="{other}"]')).to_contain_text("degraded")
            expect(verdict(page)).to_contain_text(f"connections 1 (threshold 1) on process {other}")
            expect(page.locator('[data-alert="connections"]')).to_contain_text(f"process {other}")
            expect(tile(page, "connections").locator(".tile-value")).to_have_text("1")
            assert violations(page) == []
            page.get_by_role("link", name=other).click()
            expect(page).to_have_url(re.compile(f"#process={other}$"))
            expect(page.locator("#charts .hint").first).to_contain_text("Another process answers")
            expect(tile(page, "connections").locator(".tile-value")).to_have_text("1")
        second.kill()
        expect(page.locator(".note-line")).to_contain_text(f"Process {other} has ended.")
        expect(page.locator("#processes")).to_have_count(0)


def test_html_in_values_from_clients_is_shown_as_text(shared: ServerProcess, open_dashboard: OpenDashboard) -> None:
    page = open_dashboard(shared.url).page
    expect_live(page)
    hostile = "<img src=x onerror=document.title='owned'>"

    def answer(route: Any) -> None:
        reply = route.fetch().json()
        reply["rooms"] = [{"roomId": hostile, "name": hostile, "kind": "public", "connections": 3}]
        route.fulfill(json=reply)

    page.route("**/metrics/snapshot*", answer)
    expect(page.locator("#part-rooms tbody th")).to_have_text(hostile)
    assert page.locator("#part-rooms img").count() == 0
    assert page.title() == "Monitoring · Chat Rooms"
    page.unroute_all(behavior="wait")


def test_the_page_says_that_the_server_is_away_and_is_live_again_after_its_restart(
    start_server: StartServer, open_dashboard: OpenDashboard
) -> None:
    server = start_server()
    page = open_dashboard(server.url, ignored_errors=(NOT_FOUND,)).page  # it asks for the process that was killed
    expect_live(page)
    first = process_of(page)
    server.kill()
    expect(page.locator("html")).to_have_attribute("data-state", "away")
    expect(verdict(page)).to_have_text(
        re.compile(r"^No answer: the server cannot be reached\. This is how it was at \d\d:\d\d:\d\d\.$")
    )
    assert process_of(page) == first
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert violations(page) == []
    server.start()
    try_now = page.get_by_role("button", name="Try now")
    try_now.evaluate_all("buttons => buttons.forEach((one) => one.click())")  # gone where it has tried by itself
    expect_live(page)
    expect(verdict(page)).to_have_text(well())
    expect(page.get_by_label("Of what")).not_to_have_value(first)


def test_from_elsewhere_only_an_admin_sees_the_numbers(
    start_server: StartServer, open_dashboard: OpenDashboard
) -> None:
    server = start_server(**FROM_ELSEWHERE)
    accounts.create_account(server, "olga")
    client.register(server.url, "bob")
    watcher = open_dashboard(server.url, ignored_errors=(REFUSED,))
    page = watcher.page

    def log_in(name: str) -> None:
        page.get_by_label("Username or email").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()

    expect(page.locator(".access-text")).to_contain_text("METRICS_ALLOW")
    expect(page.get_by_label("Username or email")).to_be_focused()
    expect(page.locator(".board")).to_have_count(0)
    assert violations(page) == []
    log_in("bob")
    expect(page.locator(".access-text")).to_contain_text("You are logged in as bob, who is not one of them.")
    log_in("olga")
    expect_live(page)
    expect(page.locator(".session")).to_contain_text("olga")
    expect(chart(page, "memory")).to_be_visible()
    page.reload()
    expect_live(page)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("form", name="Log in")).to_be_visible()
    expect(page.locator(".session")).to_have_count(0)
