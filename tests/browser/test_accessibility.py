"""Accessibility: by keyboard alone, by the rules of axe, on a phone, in light and dark."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, Route, expect

from tests.browser.person import PASSWORD, Person
from tests.support.server import ServerProcess

NewPerson = Callable[..., Person]
StartServer = Callable[..., ServerProcess]
PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}


def serious_violations(page: Page) -> list[tuple[str, list[str]]]:
    """The violations that axe rates serious or critical."""
    violations = Axe().run(page).response["violations"]
    return [
        (one["id"], [node["html"] for node in one["nodes"]])
        for one in violations
        if one["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_any_view(new_person: NewPerson, scheme: str, room_name: str) -> None:
    ann = new_person("ann", registered=False, color_scheme=scheme)
    page = ann.page
    page.goto(ann.url)
    expect(page.locator("#login-form")).to_be_visible()
    assert serious_violations(page) == []
    page.locator("#show-register").click()
    page.locator("#register-submit").click()
    expect(page.locator("#register-username-error")).not_to_be_empty()
    assert serious_violations(page) == []
    ann.register()
    assert serious_violations(page) == []
    ann.make_room(room_name)
    ann.send_message(f"See https://example.test @{ann.name}")
    ann.expect_message("example.test")
    page.locator("#composer").evaluate("node => { node.value = 'nul \\u0000 here'; }")
    page.locator("#composer").press("Enter")
    expect(page.locator('[data-state="failed"]')).to_be_visible()
    expect(page.locator("#here-list [data-user-id]")).to_have_count(1)
    assert serious_violations(page) == []
    for opener in ("#find-rooms", "#new-room", "#new-direct", "#me", "#leave"):
        page.locator(opener).click()
        expect(page.locator("dialog[open]")).to_be_visible()
        assert serious_violations(page) == [], opener
        page.keyboard.press("Escape")
        expect(page.locator(opener)).to_be_focused()


def test_the_banner_can_be_read_in_both_schemes(
    new_person: NewPerson, start_server: StartServer, room_name: str
) -> None:
    server = start_server()
    people = [new_person("ann", at=server, color_scheme=scheme) for scheme in ("light", "dark")]
    for person in people:
        person.make_room(room_name)
    server.kill()
    for person in people:
        person.send_message("waiting")
        expect(person.page.locator("#banner")).to_be_visible()
        assert serious_violations(person.page) == []


def tab_to(page: Page, target: str, *, back: bool = False) -> None:
    """Press Tab until the element has the focus, at most forty times."""
    for _ in range(40):
        if page.evaluate("(target) => document.activeElement.matches(target)", target):
            return
        page.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"{target} cannot be reached by Tab")


def test_a_user_can_register_join_and_write_with_the_keyboard_alone(new_person: NewPerson, room_name: str) -> None:
    bob = new_person("bob")
    for name in (f"{secrets.token_hex(3)} is not it", room_name):
        bob.make_room(name)
    ann = new_person("ann", registered=False)
    page = ann.page
    page.goto(ann.url)
    expect(page.locator("#login-name")).to_be_focused()
    tab_to(page, "#show-register")
    page.keyboard.press("Enter")
    expect(page.locator("#register-username")).to_be_focused()
    page.keyboard.type(ann.name)
    page.keyboard.press("Tab")
    page.keyboard.type(f"{ann.name}@example.test")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    ann.expect_online()
    expect(page.locator("#welcome-title")).to_be_focused()
    tab_to(page, "#find-rooms", back=True)
    page.keyboard.press("Enter")
    expect(page.locator("#find-q")).to_be_focused()
    page.keyboard.type(room_name[:-1])
    expect(page.locator("#find-results button")).to_have_count(1)  # the result of the search, which stays
    expect(page.get_by_role("button", name=f"Join {room_name}")).to_be_visible()
    tab_to(page, "#find-results button")
    page.keyboard.press("Enter")
    expect(page.locator("#composer")).to_be_focused()
    page.keyboard.type("By keyboard")
    page.keyboard.press("Enter")
    bob.expect_message("By keyboard")
    expect(page.locator("#composer")).to_be_focused()
    tab_to(page, "#skip", back=True)
    page.keyboard.press("Enter")
    expect(page.locator("#composer")).to_be_focused()


def test_an_item_that_a_later_search_finds_again_keeps_the_focus(new_person: NewPerson, room_name: str) -> None:
    bob = new_person("bob")
    for name in (f"{secrets.token_hex(3)} is not it", room_name):
        bob.make_room(name)
    ann = new_person("ann")
    page, held = ann.page, list[Route]()

    def is_the_search(url: str) -> bool:
        return parse_qs(urlsplit(url).query).get("q") == [room_name]

    page.route(is_the_search, lambda route: held.append(route))
    page.locator("#find-rooms").click()
    join = page.get_by_role("button", name=f"Join {room_name}")
    expect(join).to_be_visible()
    with page.expect_request(lambda request: is_the_search(request.url)):
        page.locator("#find-q").fill(room_name)
    join.focus()
    held[0].continue_()
    expect(page.locator("#find-results button")).to_have_count(1)
    expect(join).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#room-name")).to_have_text(room_name)


def expect_no_horizontal_scroll(page: Page) -> None:
    width = page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]")
    assert max(width) == 360, width


def test_nothing_is_wider_than_a_phone_and_the_lists_open_and_close(new_person: NewPerson) -> None:
    ann = new_person("ann", registered=False, **PHONE)
    page = ann.page
    page.goto(ann.url)
    expect(page.locator("#login-form")).to_be_visible()
    expect_no_horizontal_scroll(page)
    ann.register()
    expect(page.locator("#sidebar")).to_be_in_viewport()
    expect_no_horizontal_scroll(page)
    ann.make_room("A room with a rather long name, to see how it is cut off")
    expect(page.locator("#sidebar")).not_to_be_in_viewport()
    ann.send_message("W" * 300 + " https://example.test/" + "x" * 300)
    ann.expect_message("WWW")
    expect_no_horizontal_scroll(page)
    assert page.locator("#scroller").evaluate("node => node.scrollWidth <= node.clientWidth")
    page.locator("#toggle-people").click()
    expect(page.locator("#people")).to_be_in_viewport()
    expect_no_horizontal_scroll(page)
    page.keyboard.press("Escape")
    expect(page.locator("#people")).not_to_be_in_viewport()
    expect(page.locator("#toggle-people")).to_be_focused()
    page.locator("#open-sidebar").click()
    expect(page.locator("#close-sidebar")).to_be_focused()
    for opener in ("#find-rooms", "#new-room"):
        page.locator(opener).click()
        expect(page.locator("dialog[open]")).to_be_visible()
        expect_no_horizontal_scroll(page)
        page.keyboard.press("Escape")
    assert serious_violations(page) == []
