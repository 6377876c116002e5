"""Accessibility: by keyboard alone, by the rules of axe, on a phone, in light and dark."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import FilePayload, Page, Route, expect

from tests.browser.person import PASSWORD, Person
from tests.support.server import ServerProcess
from tests.support.waiting import poll

NewPerson = Callable[..., Person]
StartServer = Callable[..., ServerProcess]
PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
CODE = (
    "```py\nprint('a line of code that is rather long, so that it has to be scrolled sideways to be read whole')\n```"
)


def findings(page: Page) -> list[tuple[str, list[str]]]:
    """What axe finds, of any weight, once all that moves has come to rest."""
    page.evaluate("Promise.allSettled(document.getAnimations().map((animation) => animation.finished))")
    return [
        (one["id"], [node["html"][:200] for node in one["nodes"]]) for one in Axe().run(page).response["violations"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_forms(new_person: NewPerson, scheme: str) -> None:
    ann = new_person("ann", registered=False, color_scheme=scheme)
    page = ann.page
    page.goto(ann.url)
    expect(page.get_by_role("form", name="Log in")).to_be_visible()
    assert findings(page) == []
    page.get_by_role("button", name="Create an account").click()
    page.get_by_role("button", name="Create account").click()
    expect(page.locator('[data-error-of="username"]')).not_to_be_empty()
    assert findings(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [{}, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_in_any_view(
    new_person: NewPerson, scheme: str, device: dict[str, object], room_name: str
) -> None:
    ann = new_person("ann", color_scheme=scheme, **device)
    page = ann.page
    assert findings(page) == []
    ann.make_room(room_name)
    ann.send_message(f"See https://example.test @{ann.name} **bold** `code`\n> a quote\n- a list")
    ann.expect_message("example.test")
    ann.send_message(CODE)
    ann.expect_message("print")
    ann.message("print").focus()
    page.keyboard.press("r")
    ann.send_message("An answer")
    ann.expect_message("An answer")
    ann.composer.evaluate("node => { node.value = 'nul \\u0000 here'; }")
    ann.composer.press("Enter")
    expect(page.locator('[data-state="failed"]')).to_be_visible()
    assert findings(page) == []
    route = page.url.partition("#")[2]
    for panel in ("people", "search", "files", "unread", "mentions", "reports", "audit"):
        page.evaluate("(hash) => { location.hash = hash; }", f"{route}&panel={panel}")
        expect(page.locator(f'[data-panel-name="{panel}"] .panel-body')).to_be_visible()
        expect(page.locator(".panel")).not_to_contain_text("Loading…")
        assert findings(page) == [], panel


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_dialogs_and_menus_which_give_the_focus_back(
    new_person: NewPerson, scheme: str, room_name: str
) -> None:
    ann = new_person("ann", color_scheme=scheme)
    page = ann.page
    ann.make_room(room_name)
    for opener, items in (
        (page.get_by_role("button", name="Add a room"), ("Find rooms", "New room")),
        (page.get_by_role("button", name="New direct message"), ()),
        (ann.own_line, ("Set a status", "Preferences", "Keyboard shortcuts", "Log out")),
        (page.locator("main header").get_by_role("button", name="More"), ("Invite", "Room settings", "Leave")),
    ):
        opener.click()
        expect(ann.dialog).to_be_visible()
        assert findings(page) == []
        page.keyboard.press("Escape")
        expect(opener).to_be_focused()
        for item in items:
            ann.choose(opener, item)
            expect(ann.dialog.locator(".dialog-body")).not_to_be_empty()
            assert findings(page) == [], item
            page.keyboard.press("Escape")
            expect(ann.dialog).to_have_count(0)


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
        expect(person.page.locator(".connection-banner")).to_contain_text("kept")
        assert findings(person.page) == []


def tab_to(page: Page, target: str, *, back: bool = False) -> int:
    """Press Tab until the element has the focus, at most forty times; returns how often it was pressed."""
    for count in range(40):
        if page.evaluate("(target) => document.activeElement.matches(target)", target):
            return count
        page.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"{target} cannot be reached by Tab")


def test_a_user_can_register_join_and_write_with_the_keyboard_alone(new_person: NewPerson, room_name: str) -> None:
    bob = new_person("bob")
    for name in (f"{secrets.token_hex(3)} is not it", room_name):
        bob.make_room(name)
    ann = new_person("ann", registered=False)
    page = ann.page
    page.goto(ann.url)
    expect(page.get_by_label("Username or email")).to_be_focused()
    tab_to(page, ".auth-switch button")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type(ann.name)
    page.keyboard.press("Tab")
    page.keyboard.type(f"{ann.name}@example.test")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    ann.expect_online()
    tab_to(page, ".welcome-actions button")
    page.keyboard.press("Enter")
    expect(ann.dialog.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type(room_name[:-1])
    expect(ann.dialog.get_by_role("listitem")).to_have_count(1)
    tab_to(page, ".result button")
    page.keyboard.press("Enter")
    ann.expect_in_room()
    tab_to(page, "main textarea")
    page.keyboard.type("By keyboard")
    page.keyboard.press("Enter")
    bob.expect_message("By keyboard")
    expect(ann.composer).to_be_focused()
    tab_to(page, ".skip", back=True)
    page.keyboard.press("Enter")
    expect(ann.composer).to_be_focused()


def test_a_long_list_of_rooms_is_few_stops_of_the_tab_key(new_person: NewPerson) -> None:
    ann = new_person("ann")
    page = ann.page
    for number in range(15):
        assert ann.call("POST", "/rooms", {"name": f"Room {number}"}) == 201
    ann.make_room("The last of many")
    expect(page.locator("[data-room-id]")).to_have_count(16)
    page.locator(".skip").focus()
    assert tab_to(page, "main textarea") <= 12
    ann.room_button("Room 3").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-room-id]:focus")).to_have_text("Room 4")


def test_an_item_that_a_later_search_finds_again_keeps_the_focus(new_person: NewPerson, room_name: str) -> None:
    bob = new_person("bob")
    for name in (f"{secrets.token_hex(3)} is not it", room_name):
        bob.make_room(name)
    ann = new_person("ann")
    page, held = ann.page, list[Route]()

    def is_the_search(url: str) -> bool:
        return parse_qs(urlsplit(url).query).get("q") == [room_name]

    page.route(is_the_search, lambda route: held.append(route))
    ann.choose(page.get_by_role("button", name="Add a room"), "Find rooms")
    join = page.get_by_role("button", name=f"Join {room_name}")
    expect(join).to_be_visible()
    with page.expect_request(lambda request: is_the_search(request.url)):
        ann.dialog.get_by_role("searchbox").fill(room_name)
    join.focus()
    held[0].continue_()
    expect(ann.dialog.get_by_role("listitem")).to_have_count(1)
    expect(join).to_be_focused()
    page.keyboard.press("Enter")
    expect(ann.heading).to_have_text(room_name)


def expect_no_horizontal_scroll(page: Page) -> None:
    width = page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth, innerWidth]")
    assert max(width) == 360, width


def widths(page: Page, selector: str) -> list[float]:
    measure = "nodes => nodes.map((node) => node.getBoundingClientRect().width)"
    found = page.locator(selector).evaluate_all(measure)
    return [float(width) for width in found]


def test_on_a_phone_nothing_is_wider_and_back_joins_the_screens(new_person: NewPerson) -> None:
    ann = new_person("ann", registered=False, **PHONE)
    page = ann.page
    page.goto(ann.url)
    expect(page.get_by_role("form", name="Log in")).to_be_visible()
    expect_no_horizontal_scroll(page)
    ann.register()
    sidebar = page.locator(".sidebar")
    expect(sidebar).to_be_in_viewport()
    expect_no_horizontal_scroll(page)
    ann.make_room("A room with a rather long name, to see how it is cut off")
    expect(sidebar).to_be_hidden()
    ann.send_message("W" * 300 + " https://example.test/" + "x" * 300)
    ann.expect_message("WWW")
    expect_no_horizontal_scroll(page)
    assert ann.timeline.evaluate("node => node.scrollWidth <= node.clientWidth")
    ann.open_panel("People")
    expect_no_horizontal_scroll(page)
    page.go_back()
    expect(ann.panel).to_be_hidden()
    expect(ann.composer).to_be_visible()
    ann.open_panel("Search")
    page.get_by_role("button", name="Back", exact=True).click()
    expect(ann.panel).to_be_hidden()
    page.get_by_role("button", name="Back to the rooms").click()
    expect(sidebar).to_be_in_viewport()
    for item in ("Find rooms", "New room"):
        ann.choose(page.get_by_role("button", name="Add a room"), item)
        expect(ann.dialog).to_be_visible()
        expect_no_horizontal_scroll(page)
        page.keyboard.press("Escape")


def test_back_closes_a_sheet_or_a_dialog_and_stays_in_the_room(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann", **PHONE)
    page = ann.page
    ann.make_room(room_name)
    more = page.locator("main header").get_by_role("button", name="More")
    for item in (None, "Invite people", "Room settings"):
        more.click()
        sheet = page.get_by_role("menu")
        expect(sheet).to_be_visible()
        if item:
            sheet.get_by_role("menuitem", name=item).click()
            expect(ann.dialog.get_by_role("button", name="Close")).to_be_visible()
        page.go_back()
        expect(ann.dialog).to_have_count(0)
        expect(ann.heading).to_have_text(room_name)
        expect(ann.composer).to_be_visible()
    page.reload()
    ann.expect_in_room()
    more.click()
    page.go_back()
    expect(ann.dialog).to_have_count(0)
    expect(ann.heading).to_have_text(room_name)
    page.go_back()
    expect(page.locator(".sidebar")).to_be_in_viewport()
    page.go_forward()
    expect(ann.heading).to_have_text(room_name)


def test_on_a_phone_all_preferences_are_within_the_screen(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann", **PHONE)
    ann.make_room(room_name)
    ann.page.get_by_role("button", name="Back to the rooms").click()
    ann.choose(ann.own_line, "Preferences")
    tabs = ann.dialog.get_by_role("navigation").get_by_role("button")
    expect(tabs).to_have_count(6)
    beyond = """dialog => [...dialog.querySelectorAll("*")]
        .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > innerWidth)
        .map((one) => one.outerHTML.slice(0, 120))"""
    for tab in tabs.all():
        tab.click()
        expect(tab).to_have_attribute("aria-current", "true")
        assert ann.dialog.evaluate(beyond) == []


def test_what_is_below_a_message_is_hit_by_a_finger(new_person: NewPerson) -> None:
    ann = new_person("ann", **PHONE)
    page = ann.page
    ann.make_room("Kitchen")
    ann.send_message("Cake?")
    ann.expect_message("Cake?")
    row = ann.message("Cake?")
    row.focus()
    page.keyboard.press("+")
    expect(page.get_by_label("Search emoji")).to_be_focused()
    assert widths(page, ".emoji-picker") == [360]
    assert min(widths(page, ".emoji-picker .emoji")) >= 44
    page.get_by_label("Search emoji").fill("cake")
    page.keyboard.press("Enter")
    expect(row.locator("[data-emoji]")).to_be_visible()
    ann.composer.fill("again")
    row.focus()
    page.keyboard.press("r")
    expect(ann.composer).to_be_focused()
    page.keyboard.press("Enter")
    expect(ann.timeline.locator("button.quote")).to_be_visible()
    # Where a finger's breadth around its middle is pressed, it is it that is pressed.
    missed = """(button) => {
        const { left, top, width, height } = button.getBoundingClientRect();
        const [x, y] = [left + width / 2, top + height / 2];
        return [[0, -21], [0, 21], [-21, 0], [21, 0]].filter(([right, down]) => {
            return !button.contains(document.elementFromPoint(x + right, y + down));
        });
    }"""
    for button in ann.timeline.locator(".reaction, button.quote, .message-picture").all():
        assert button.evaluate(missed) == [], button.evaluate("one => one.outerHTML")


def test_on_a_phone_a_picture_is_shown_as_wide_as_the_screen(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann", registered=False, **PHONE).register()
    page = ann.page
    ann.make_room(room_name)
    data = (Path(__file__).resolve().parents[2] / "web" / "ui" / "icon-192.png").read_bytes()
    picture: FilePayload = {"name": "icon.png", "mimeType": "image/png", "buffer": data}
    page.locator("main input[type=file]").set_input_files(picture)
    ann.send_message("Look")
    ann.timeline.locator('[data-state="stored"] .attached-image').click()
    expect(ann.dialog.get_by_role("link", name="Download")).to_be_visible()
    assert widths(page, "dialog[open]") == [360]


def test_the_keyboard_shortcuts_are_offered_where_there_is_a_keyboard(new_person: NewPerson) -> None:
    desk, phone = new_person("ann"), new_person("bob", **PHONE)
    for person, count in ((desk, 1), (phone, 0)):
        person.own_line.click()
        menu = person.page.get_by_role("menu")
        expect(menu.get_by_role("menuitem", name="Preferences")).to_be_visible()
        expect(menu.get_by_role("menuitem", name="Keyboard shortcuts")).to_have_count(count)


# What is pressed within an element and is less high than a finger; of a box to check, its label is pressed.
SMALL = """(within) => [...document.querySelector(within).querySelectorAll("button, a[href], input")]
    .filter((one) => one.type !== "checkbox")
    .filter((one) => one.checkVisibility({ visibilityProperty: true }) && one.getBoundingClientRect().width > 1)
    .filter((one) => one.getBoundingClientRect().height < 44)
    .map((one) => one.outerHTML.slice(0, 120))"""


def test_what_is_pressed_on_a_phone_is_44_pixels_high(new_person: NewPerson) -> None:
    ann = new_person("ann", registered=False, **PHONE).register()
    page = ann.page
    ann.make_room("Kitchen")
    poll(lambda: page.evaluate(SMALL, "body") == [])  # once nothing moves
    page.get_by_role("button", name="Back to the rooms").click()
    poll(lambda: page.evaluate(SMALL, "body") == [])  # once nothing moves
    ann.choose(ann.own_line, "Profile")
    page.get_by_role("button", name="Edit the profile").click()
    data = (Path(__file__).resolve().parents[2] / "web" / "ui" / "icon-192.png").read_bytes()
    picture: FilePayload = {"name": "icon.png", "mimeType": "image/png", "buffer": data}
    ann.dialog.locator("input[type=file]").set_input_files(picture)
    expect(ann.dialog.get_by_role("button", name="Remove the picture")).to_be_visible()
    poll(lambda: page.evaluate(SMALL, "dialog") == [])  # once nothing moves


def test_a_search_and_the_bar_of_unread_messages_are_pressed_with_a_finger(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann", **PHONE)
    page = ann.page
    ann.make_room(room_name)
    ann.send_message("Cinnamon buns")
    ann.expect_message("Cinnamon")
    ann.message("Cinnamon").focus()
    page.keyboard.press("u")
    bar = page.get_by_role("group", name="New messages")
    expect(bar).to_contain_text("1 new")
    poll(lambda: page.evaluate(SMALL, ".unread-bar") == [])  # once nothing moves
    assert bar.evaluate("one => one.offsetHeight") == 44  # one line
    ann.open_panel("Search")
    ann.panel.get_by_role("searchbox").press_sequentially("cinn")
    expect(ann.panel.get_by_role("list", name="Suggestions").get_by_role("button").first).to_be_visible()
    poll(lambda: page.evaluate(SMALL, ".panel") == [])  # once nothing moves


def test_retry_and_show_more_are_pressed_with_a_finger(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann", **PHONE)
    ann.ignored_errors = (*ann.ignored_errors, "500")  # Chromium logs responses with an error status
    page = ann.page
    ann.make_room(room_name)
    page.route("**/members?*", lambda route: route.fulfill(status=500, json={}))
    ann.open_panel("People")
    expect(ann.panel.get_by_role("button", name="Retry")).to_be_visible()
    poll(lambda: page.evaluate(SMALL, ".panel") == [])  # once nothing moves
    page.go_back()
    page.get_by_role("button", name="Back to the rooms").click()
    page.route("**/rooms?*", lambda route: route.fulfill(json={"rooms": [], "nextCursor": "more"}))
    ann.choose(page.get_by_role("button", name="Add a room"), "Find rooms")
    expect(ann.dialog.get_by_role("button", name="Show more")).to_be_visible()
    poll(lambda: page.evaluate(SMALL, "dialog") == [])  # once nothing moves


def test_on_a_phone_the_connection_is_tried_again_with_a_finger(
    new_person: NewPerson, start_server: StartServer, room_name: str
) -> None:
    server = start_server()
    ann = new_person("ann", at=server, **PHONE)
    ann.make_room(room_name)
    server.kill()
    try_now = ann.banner.get_by_role("button", name="Try now")
    # It is away while the page tries.
    height = poll(lambda: sum(try_now.evaluate_all("all => all.map((one) => one.offsetHeight)")))
    assert height >= 44


def test_the_sheet_of_a_message_has_three_recent_reactions_on_a_phone(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann", **PHONE)
    page = ann.page
    ann.make_room(room_name)
    ann.send_message("Cake?")
    ann.expect_message("Cake?")
    row, quick = ann.message("Cake?"), page.get_by_role("menuitem", name="React with")

    def open_menu() -> None:
        row.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("menuitem", name="Add a reaction")).to_be_visible()

    open_menu()
    expect(quick).to_have_text(["👍", "❤️", "😂"])
    poll(lambda: page.evaluate(SMALL, "dialog") == [])  # once nothing moves
    assert findings(page) == []
    quick.nth(1).tap()
    expect(row.locator("[data-emoji]")).to_contain_text("❤️")
    expect(ann.dialog).to_have_count(0)
    open_menu()
    page.get_by_role("menuitem", name="React with ❤️").tap()
    expect(row.locator("[data-emoji]")).to_have_count(0)
    page.set_viewport_size({"width": 1000, "height": 640})
    open_menu()
    expect(quick).to_have_count(0)  # the toolbar beside it has them
