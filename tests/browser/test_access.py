"""Everybody can use it: by keyboard alone, with a screen reader's eyes (axe), on a phone, in light and in dark."""

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
Start = Callable[..., ServerProcess]
PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}


def serious(page: Page) -> list[tuple[str, list[str]]]:
    """What axe finds wrong that keeps people out."""
    violations = Axe().run(page).response["violations"]
    return [
        (one["id"], [node["html"] for node in one["nodes"]])
        for one in violations
        if one["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_any_view(new_person: NewPerson, scheme: str, kitchen: str) -> None:
    ann = new_person("ann", registered=False, color_scheme=scheme)
    page = ann.page
    page.goto(ann.url)
    expect(page.locator("#login-form")).to_be_visible()
    assert serious(page) == []
    page.locator("#show-register").click()
    page.locator("#register-submit").click()
    expect(page.locator("#register-username-error")).not_to_be_empty()
    assert serious(page) == []
    ann.register()
    assert serious(page) == []
    ann.make_room(kitchen)
    ann.say(f"See https://example.test @{ann.name}")
    ann.sees("example.test")
    page.locator("#composer").evaluate("node => { node.value = 'nul \\u0000 here'; }")
    page.locator("#composer").press("Enter")
    expect(page.locator('[data-state="failed"]')).to_be_visible()
    expect(page.locator("#here-list [data-user-id]")).to_have_count(1)
    assert serious(page) == []
    for opener in ("#find-rooms", "#new-room", "#new-direct", "#me", "#leave"):
        page.locator(opener).click()
        expect(page.locator("dialog[open]")).to_be_visible()
        assert serious(page) == [], opener
        page.keyboard.press("Escape")
        expect(page.locator(opener)).to_be_focused()


def test_the_banner_can_be_read_in_both_schemes(new_person: NewPerson, start: Start, kitchen: str) -> None:
    server = start()
    people = [new_person("ann", at=server, color_scheme=scheme) for scheme in ("light", "dark")]
    for person in people:
        person.make_room(kitchen)
    server.kill()
    for person in people:
        person.say("waiting")
        expect(person.page.locator("#banner")).to_be_visible()
        assert serious(person.page) == []


def tab_to(page: Page, target: str, *, back: bool = False) -> None:
    """Press Tab until the element has the focus: nobody should need more than forty."""
    for _ in range(40):
        if page.evaluate("(target) => document.activeElement.matches(target)", target):
            return
        page.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"{target} cannot be reached by Tab")


def test_one_can_register_join_and_write_with_the_keyboard_alone(new_person: NewPerson, kitchen: str) -> None:
    bob = new_person("bob")
    for name in (f"{secrets.token_hex(3)} is not it", kitchen):
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
    ann.is_online()
    expect(page.locator("#room-name")).to_be_focused()
    tab_to(page, "#find-rooms", back=True)
    page.keyboard.press("Enter")
    expect(page.locator("#find-q")).to_be_focused()
    page.keyboard.type(kitchen[:-1])
    expect(page.locator("#find-results button")).to_have_count(1)  # it is what was searched for, and stays
    expect(page.get_by_role("button", name=f"Join {kitchen}")).to_be_visible()
    tab_to(page, "#find-results button")
    page.keyboard.press("Enter")
    expect(page.locator("#composer")).to_be_focused()
    page.keyboard.type("By keyboard")
    page.keyboard.press("Enter")
    bob.sees("By keyboard")
    expect(page.locator("#composer")).to_be_focused()
    tab_to(page, "#skip", back=True)
    page.keyboard.press("Enter")
    expect(page.locator("#composer")).to_be_focused()


def test_what_a_late_search_finds_again_keeps_the_focus(new_person: NewPerson, kitchen: str) -> None:
    bob = new_person("bob")
    for name in (f"{secrets.token_hex(3)} is not it", kitchen):
        bob.make_room(name)
    ann = new_person("ann")
    page, held = ann.page, list[Route]()

    def is_the_search(url: str) -> bool:
        return parse_qs(urlsplit(url).query).get("q") == [kitchen]

    page.route(is_the_search, lambda route: held.append(route))
    page.locator("#find-rooms").click()
    join = page.get_by_role("button", name=f"Join {kitchen}")
    expect(join).to_be_visible()
    with page.expect_request(lambda request: is_the_search(request.url)):
        page.locator("#find-q").fill(kitchen)
    join.focus()
    held[0].continue_()
    expect(page.locator("#find-results button")).to_have_count(1)
    expect(join).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#room-name")).to_have_text(kitchen)


def no_sideways_scroll(page: Page) -> None:
    width = page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]")
    assert max(width) == 360, width


def test_nothing_is_wider_than_a_phone_and_the_lists_open_and_close(new_person: NewPerson) -> None:
    ann = new_person("ann", registered=False, **PHONE)
    page = ann.page
    page.goto(ann.url)
    expect(page.locator("#login-form")).to_be_visible()
    no_sideways_scroll(page)
    ann.register()
    expect(page.locator("#sidebar")).to_be_in_viewport()
    no_sideways_scroll(page)
    ann.make_room("A room with a rather long name, to see how it is cut off")
    expect(page.locator("#sidebar")).not_to_be_in_viewport()
    ann.say("W" * 300 + " https://example.test/" + "x" * 300)
    ann.sees("WWW")
    no_sideways_scroll(page)
    assert page.locator("#scroller").evaluate("node => node.scrollWidth <= node.clientWidth")
    page.locator("#toggle-people").click()
    expect(page.locator("#people")).to_be_in_viewport()
    no_sideways_scroll(page)
    page.keyboard.press("Escape")
    expect(page.locator("#people")).not_to_be_in_viewport()
    expect(page.locator("#toggle-people")).to_be_focused()
    page.locator("#open-sidebar").click()
    expect(page.locator("#close-sidebar")).to_be_focused()
    for opener in ("#find-rooms", "#new-room"):
        page.locator(opener).click()
        expect(page.locator("dialog[open]")).to_be_visible()
        no_sideways_scroll(page)
        page.keyboard.press("Escape")
    assert serious(page) == []
