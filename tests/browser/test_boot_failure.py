"""A script that does not load: the page says so, or the part of it that is missing, and Retry brings it."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Route, expect

from tests.browser.person import Person
from tests.support.server import ServerProcess

NewPerson = Callable[..., Person]
NOT_LOADED = ("ERR_FAILED",)  # what Chromium says of a request that the test aborts


def test_a_page_whose_script_does_not_come_or_fails_says_so_and_loads_by_retry(
    server: ServerProcess, new_context: Callable[..., BrowserContext]
) -> None:
    page = new_context().new_page()
    entry = re.compile(r"/static/chat/app[.\w]*\.js")
    failures: list[Callable[[Route], None]] = [
        lambda route: route.abort(),
        lambda route: route.fulfill(status=500, body=""),
        lambda route: route.fulfill(content_type="text/javascript", body="const;"),
        lambda route: route.fulfill(content_type="text/javascript", body="throw new Error()"),
        lambda route: route.fulfill(content_type="text/javascript", body="await Promise.reject(new Error())"),
        lambda route: route.fulfill(content_type="text/javascript", body="Promise.reject(new Error())"),
    ]
    for fail in failures:
        page.route(entry, fail)
        page.goto(server.url)
        expect(page.get_by_role("alert")).to_contain_text("The page did not load.")
        page.unroute(entry)
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("form", name="Log in")).to_be_visible()
    expect(page.get_by_text("The page did not load.")).to_have_count(0)


def test_a_panel_and_a_dialog_that_do_not_load_say_so_and_come_by_retry(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.ignored_errors += NOT_LOADED
    ann.make_room(room_name)
    parts = re.compile(r"/static/chat/[^?]*(people-panel|find-rooms)[^?]*\.js")
    ann.page.route(parts, lambda route: route.abort())
    panel = ann.open_panel("People")
    expect(panel.get_by_role("alert")).to_contain_text("This could not be loaded.")
    ann.choose(ann.page.get_by_role("button", name="Add a room"), "Find rooms")
    expect(ann.toasts).to_contain_text("A part of the page could not be loaded.")

    ann.page.unroute(parts)
    panel.get_by_role("button", name="Retry").click()
    expect(panel.get_by_text(ann.name).first).to_be_visible()
    ann.toasts.get_by_role("button", name="Retry").click()
    expect(ann.dialog.get_by_label("Search by name")).to_be_visible()
