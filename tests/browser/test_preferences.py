"""The user's preferences: what the page looks like, what notifies, the password, one's data, and the deletion of the
account.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Locator, Route, expect

from tests.browser.person import PASSWORD, Person
from tests.support.waiting import poll

NewPerson = Callable[..., Person]


def open_preferences(person: Person, section: str) -> Locator:
    """Open the preferences at a section, which is returned."""
    person.choose(person.own_line, "Preferences")
    person.dialog.get_by_role("navigation").get_by_role("button", name=section).click()
    return person.dialog.get_by_role("region", name=section)


def expect_wrong(field: Locator, text: str) -> None:
    """The field has the focus, and what is wrong with it, which a screen reader reads with the field."""
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile(text))


def test_what_is_wrong_with_a_new_password_is_said_at_its_field(new_person: NewPerson) -> None:
    ann = new_person("ann")
    ann.ignored_errors = (*ann.ignored_errors, "403", "422")  # Chromium logs responses with an error status
    section = open_preferences(ann, "Password")
    old, new = section.get_by_label("Current password"), section.get_by_label("New password")
    change = section.get_by_role("button", name="Change the password")
    change.click()
    expect_wrong(old, "password")
    old.fill("not this one")
    new.fill("short")
    change.click()
    expect_wrong(new, "at least 8 characters")
    expect(old).not_to_have_attribute("aria-invalid", "true")
    new.fill("a long new password")
    change.click()
    expect_wrong(old, "The password is wrong")
    expect(new).not_to_have_attribute("aria-invalid", "true")
    old.fill(PASSWORD)
    new.fill("password")
    change.click()
    expect_wrong(new, "The new password is one of the commonest")
    new.fill("a long new password")
    change.click()
    expect(ann.toasts).to_contain_text("The password is changed.")
    expect(old).to_have_value("")
    expect(section.locator("[aria-invalid]")).to_have_count(0)


def test_the_download_of_ones_data_says_that_it_is_under_way_and_can_be_cancelled(new_person: NewPerson) -> None:
    ann = new_person("ann")
    section = open_preferences(ann, "Your data")
    waiting: list[Route] = []
    ann.page.route("**/users/me/export", lambda route: waiting.append(route))
    section.get_by_role("button", name="Download my data").click()
    expect(section.get_by_role("status")).to_contain_text("being made")
    expect(section.get_by_role("button", name="Download my data")).to_have_count(0)
    with ann.page.expect_event("requestfailed", lambda request: request.url.endswith("/users/me/export")):
        section.get_by_role("button", name="Cancel").click()
    expect(section.get_by_role("button", name="Download my data")).to_be_focused()
    expect(section.get_by_role("status")).not_to_contain_text("being made")
    expect(ann.toasts).to_be_empty()
    ann.page.unroute("**/users/me/export")
    with ann.page.expect_download() as download:
        section.get_by_role("button", name="Download my data").click()
    assert download.value.suggested_filename == "chat-rooms-export.zip"
    expect(section.get_by_role("button", name="Download my data")).to_be_enabled()


def unsent_keys(person: Person) -> list[str]:
    keys: list[str] = person.page.evaluate("Object.keys(localStorage)")
    return [key for key in keys if ".outbox." in key]


def test_an_account_is_deleted_by_its_password_with_what_is_unsent_and_the_page_says_so_whatever_comes_first(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    ann.ignored_errors = (*ann.ignored_errors, "403", "401")
    ann.make_room(room_name)
    ann.send_message("nul \u0000 here")
    expect(ann.messages("failed")).to_be_visible()
    assert unsent_keys(ann) != []
    section = open_preferences(ann, "Your data")
    password = section.get_by_label("Your password")
    delete = section.get_by_role("button", name="Delete my account")
    confirm = ann.page.get_by_role("dialog", name="Delete your account?").get_by_role("button", name="Delete")
    password.fill("not this one")
    delete.click()
    confirm.click()
    expect_wrong(password, "The password is wrong")
    assert ann.call("GET", "/auth/profile") == 200
    login = ann.page.get_by_role("form", name="Log in")

    def answer_late(route: Route) -> None:
        """The closed socket tells the page of the end before the reply does."""
        reply = route.fetch()
        expect(login).to_be_visible()
        route.fulfill(response=reply)

    ann.page.route("**/users/me", answer_late)
    password.fill(PASSWORD)
    delete.click()
    confirm.click()
    expect(login).to_be_visible()
    expect(ann.page.get_by_role("status").first).to_have_text("You are logged out.")
    expect(ann.page).not_to_have_url(re.compile("room="))
    expect(ann.toasts).to_be_empty()
    poll(lambda: unsent_keys(ann) == [])


def row_height(person: Person, text: str) -> float:
    return float(person.message(text).evaluate("node => node.getBoundingClientRect().height"))


def colour(person: Person) -> str:
    return str(person.page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_theme_density_and_levels_hold_over_a_reload_and_in_another_browser_of_the_same_user(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann", color_scheme="light")
    ann.make_room(room_name)
    ann.send_message("Good morning")
    ann.expect_message("Good morning")
    light, comfortable = colour(ann), row_height(ann, "Good morning")
    look = open_preferences(ann, "Appearance")
    look.get_by_label("Dark").check()
    look.get_by_label("Compact").check()
    root = ann.page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    expect(root).to_have_attribute("data-density", "compact")
    dark, compact = colour(ann), row_height(ann, "Good morning")
    assert dark != light
    assert compact < comfortable
    ann.dialog.get_by_role("button", name="Notifications").click()
    ann.dialog.get_by_label(f"Notifications of {room_name}").select_option("all")
    ann.page.keyboard.press("Escape")

    phone = new_person("phone", registered=False, color_scheme="light")
    phone.name = ann.name
    phone.log_in()
    ann.page.reload()
    for person in (ann, phone):
        expect(person.page.locator("html")).to_have_attribute("data-theme", "dark")
        expect(person.page.locator("html")).to_have_attribute("data-density", "compact")
        person.room_button(room_name).click()
        person.expect_message("Good morning")
        assert (colour(person), row_height(person, "Good morning")) == (dark, compact)
        levels = open_preferences(person, "Notifications")
        expect(levels.get_by_label(f"Notifications of {room_name}")).to_have_value("all")
        person.dialog.get_by_role("button", name="Appearance").click()
        expect(person.dialog.get_by_label("Dark")).to_be_checked()
    phone.dialog.get_by_label("Light").check()
    phone.dialog.get_by_label("Comfortable").check()
    expect(root).to_have_attribute("data-theme", "light")
    expect(ann.dialog.get_by_label("Light")).to_be_checked()
    expect(root).not_to_have_attribute("data-density", "compact")
    assert (colour(ann), row_height(ann, "Good morning")) == (light, comfortable)
    ann.page.emulate_media(color_scheme="dark")
    assert colour(ann) == light
    ann.dialog.get_by_label("As the system").check()
    expect(root).not_to_have_attribute("data-theme", "light")
    assert colour(ann) == dark


def test_the_next_user_of_the_browser_does_not_see_what_the_page_of_the_last_one_looked_like(
    new_person: NewPerson,
) -> None:
    ann = new_person("ann")
    look = open_preferences(ann, "Appearance")
    look.get_by_label("Dark").check()
    look.get_by_label("Compact").check()
    stored = "localStorage.getItem('chat.appearance')"
    poll(lambda: ann.page.evaluate(stored))
    ann.page.keyboard.press("Escape")
    ann.log_out()
    root = ann.page.locator("html")
    expect(root).not_to_have_attribute("data-theme", "dark")
    expect(root).not_to_have_attribute("data-density", "compact")
    assert ann.page.evaluate(stored) is None
    ann.fill_login(ann.name, PASSWORD)
    ann.expect_online()
    expect(root).to_have_attribute("data-theme", "dark")


def test_a_room_that_is_muted_for_a_while_says_until_when_and_the_mute_can_be_ended(
    new_person: NewPerson, new_context: Callable[..., BrowserContext], room_name: str
) -> None:
    context = new_context()
    context.clock.install()
    ann = new_person("ann", context=context)
    ann.make_room(room_name)

    def mute(minutes: int, span: str) -> None:
        ann.send_message(f"/mute {minutes}")
        expect(ann.toasts).to_contain_text(f"No notifications of this room for {span}")

    mute(2000, "1 day, 9 hours and 20 minutes")
    mute(30, "30 minutes")
    levels = open_preferences(ann, "Notifications")
    level = levels.get_by_label(f"Notifications of {room_name}")
    line = levels.get_by_role("listitem").filter(has_text=room_name)
    expect(line).to_contain_text(re.compile(r"Muted until \d\d:\d\d"))
    expect(level).to_have_count(0)
    line.get_by_role("button", name=f"Unmute {room_name}").click()
    expect(level).to_have_value("mentions")
    ann.page.keyboard.press("Escape")
    mute(30, "30 minutes")
    open_preferences(ann, "Notifications")
    expect(line).to_contain_text("Muted until")
    context.clock.fast_forward("30:01")
    expect(level).to_have_value("mentions")
