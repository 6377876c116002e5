"""Registering, logging in and out, one's own status; invite links."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Route, expect

from tests.browser.person import PASSWORD, Person

NewPerson = Callable[..., Person]


def test_errors_of_the_forms_are_shown_beside_their_fields(new_person: NewPerson) -> None:
    ann = new_person("ann")
    eve = new_person("eve", registered=False)
    eve.ignored_errors = (*eve.ignored_errors, "409", "401", "422")  # Chromium logs responses with an error status
    page = eve.page
    page.goto(eve.url)
    page.get_by_role("button", name="Create an account").click()
    page.get_by_label("Username").fill("x y")
    page.get_by_role("button", name="Create account").click()
    expect(page.locator('[data-error-of="username"]')).to_contain_text("3 to 32")
    expect(page.locator('[data-error-of="email"]')).to_contain_text("email")
    expect(page.locator('[data-error-of="password"]')).to_contain_text("8 characters")
    expect(page.get_by_label("Username")).to_be_focused()
    page.get_by_label("Username").fill(ann.name.upper())
    page.get_by_label("Email").fill("eve@example.test")
    page.get_by_label("Password").fill("long enough for it")
    page.get_by_role("button", name="Create account").click()
    expect(page.locator('[data-error-of="username"]')).to_contain_text("taken")
    page.get_by_label("Username").fill(eve.name)
    page.get_by_label("Password").fill("password")
    page.get_by_role("button", name="Create account").click()
    expect(page.locator('[data-error-of="password"]')).to_have_text(re.compile(r"^Password is one of .*[^.]\.$"))
    page.get_by_role("button", name="Log in").click()
    eve.fill_login(ann.name, "wrong password")
    expect(page.get_by_role("alert")).not_to_be_empty()


def test_what_the_server_does_not_take_is_said_in_a_sentence_about_the_field(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    ann.ignored_errors = (*ann.ignored_errors, "422")
    error = ann.dialog.locator(".form-error")
    ann.choose(ann.own_line, "Profile")
    ann.panel.get_by_role("button", name="Edit the profile").click()
    ann.dialog.get_by_role("textbox", name="Name").fill("nna \u202e")
    ann.dialog.get_by_role("button", name="Save").click()
    expect(error).to_have_text(re.compile(r"^The name takes no control.*characters\.$"))
    ann.page.keyboard.press("Escape")

    ann.choose(ann.page.get_by_role("button", name="Add a room"), "New room")
    ann.dialog.get_by_label("Name").fill("moor \u202e")
    make = ann.dialog.get_by_role("button", name="Make room")
    make.click()
    expect(error).to_have_text(re.compile(r"^The name takes no control.*characters\.$"))
    ann.dialog.get_by_label("Name").fill(room_name)
    ann.dialog.get_by_label("What is it about?").fill("nul \0")
    make.click()
    expect(error).to_have_text("The description holds a NUL character.")
    ann.page.keyboard.press("Escape")

    ann.make_room(room_name)
    ann.choose_of_room("Room settings")
    ann.dialog.get_by_label("What is it about?").fill("nul \0")
    ann.dialog.get_by_role("button", name="Save").click()
    expect(ann.dialog.locator(".field-error")).to_have_text("The description holds a NUL character.")
    ann.page.keyboard.press("Escape")

    panel = ann.open_panel("Search")
    for query, said in (("has:soul", "has: takes file."), ('""', "A search takes words, phrases or operators.")):
        panel.get_by_role("searchbox").fill(query)
        expect(panel.get_by_role("status")).to_have_text(said)


def test_logging_out_asks_first_and_says_what_is_not_sent(new_person: NewPerson) -> None:
    ann = new_person("ann")
    ann.choose(ann.own_line, "Log out")
    ann.dialog.get_by_role("button", name="Cancel").click()
    expect(ann.own_line).to_contain_text("Online")
    ann.log_out()
    expect(ann.page.get_by_role("status").first).to_have_text("You are logged out.")
    ann.fill_login(f"{ann.name}@example.test", PASSWORD)
    ann.expect_online()


def test_a_dialog_that_is_still_loading_at_the_log_out_is_not_opened(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    page = ann.page
    ann.make_room(room_name)
    held: list[Route] = []
    for part in ("preferences-dialog", "people-panel"):
        page.route(f"**/*{part}*", lambda route: held.append(route))
    with page.expect_request("**/*people-panel*"):
        page.locator("main header").get_by_role("button", name="People").click()
    with page.expect_request("**/*preferences-dialog*"):
        ann.choose(ann.own_line, "Preferences")
    ann.log_out()
    panel, dialog = held
    panel.continue_()
    with page.expect_event("requestfinished", lambda request: "preferences-dialog" in request.url):
        dialog.continue_()
    ann.fill_login(ann.name, PASSWORD)
    ann.expect_online()
    expect(ann.dialog).to_have_count(0)
    expect(ann.toasts).to_be_empty()


def test_a_status_and_a_few_words_are_set_by_the_own_line(new_person: NewPerson) -> None:
    ann = new_person("ann")
    ann.choose(ann.own_line, "Busy")
    ann.choose(ann.own_line, "Set a status")
    ann.dialog.get_by_label("A few words").fill("In a meeting")
    ann.dialog.get_by_role("button", name="Save").click()
    expect(ann.own_line).to_contain_text("Busy · In a meeting")


def test_colours_of_ones_own_are_shown_to_all_until_they_are_taken_away(new_person: NewPerson, room_name: str) -> None:
    ann, bob = new_person("ann"), new_person("bob")
    ann.make_room(room_name)
    ann.send_message("How do I look?")
    picture = ann.own_line.locator(".avatar")
    usual = picture.evaluate("node => getComputedStyle(node).backgroundColor")

    def edit_profile() -> None:
        ann.choose(ann.own_line, "Profile")
        ann.panel.get_by_role("button", name="Edit the profile").click()

    edit_profile()
    ann.dialog.get_by_label("Colours of my own").check()
    ann.dialog.get_by_label("Background").fill("#ffee00")
    expect(ann.dialog).to_contain_text("hard to read")
    ann.dialog.get_by_label("Letters").fill("#102030")
    expect(ann.dialog).not_to_contain_text("hard to read")
    ann.dialog.get_by_role("button", name="Save").click()
    bob.join_room(room_name)
    for shown in (picture, ann.message("How do I look?").locator(".avatar"), bob.timeline.locator(".avatar").first):
        expect(shown).to_have_css("background-color", "rgb(255, 238, 0)")
        expect(shown).to_have_css("color", "rgb(16, 32, 48)")
    edit_profile()
    ann.dialog.get_by_label("Colours of my own").uncheck()
    ann.dialog.get_by_role("button", name="Save").click()
    expect(picture).to_have_css("background-color", usual)


def test_a_picture_that_is_on_its_way_at_the_log_out_fails_quietly_and_can_be_chosen_again(
    new_person: NewPerson,
) -> None:
    ann = new_person("ann")
    ann.ignored_errors = (*ann.ignored_errors, "ERR_FAILED")  # Chromium logs what is aborted
    page = ann.page
    held: list[Route] = []
    page.route("**/users/me/avatar", lambda route: held.append(route))
    ann.choose(ann.own_line, "Profile")
    ann.panel.get_by_role("button", name="Edit the profile").click()
    picture = {"name": "me.png", "mimeType": "image/png", "buffer": b"no picture"}
    for _ in range(2):
        with page.expect_request("**/users/me/avatar"):
            ann.dialog.get_by_label("Choose a picture").set_input_files(picture)
        expect(ann.dialog.get_by_label("Choose a picture")).to_have_value("")
        held.pop(0).abort()
        expect(ann.dialog.get_by_role("alert")).not_to_be_empty()
    with page.expect_request("**/users/me/avatar"):
        ann.dialog.get_by_label("Choose a picture").set_input_files(picture)
    page.keyboard.press("Escape")
    ann.log_out()
    for route in held:
        route.abort()
    ann.fill_login(ann.name, PASSWORD)
    ann.expect_online()
    expect(ann.toasts).to_be_empty()


def test_who_follows_an_invite_link_registers_and_is_in_the_room(new_person: NewPerson, room_name: str) -> None:
    ann, bob = new_person("ann"), new_person("bob", registered=False)
    room_id = ann.make_room(room_name, private=True)
    url = ann.page.evaluate(
        """async (roomId) => {
            const { accessToken } = JSON.parse(localStorage.getItem("chat.session"));
            const headers = { Authorization: `Bearer ${accessToken}` };
            return (await (await fetch(`/rooms/${roomId}/invites`, { method: "POST", headers })).json()).url;
        }""",
        room_id,
    )
    page = bob.page
    page.goto(bob.url + url)
    expect(page.get_by_role("status").first).to_contain_text("You were invited")
    page.get_by_label("Username").fill(bob.name)
    page.get_by_label("Email").fill(f"{bob.name}@example.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(bob.heading).to_have_text(room_name)
    expect(page).not_to_have_url(re.compile("invite="))


def test_an_invite_link_that_is_gone_says_so(new_person: NewPerson) -> None:
    ann = new_person("ann")
    ann.ignored_errors = (*ann.ignored_errors, "404")
    ann.page.goto(f"{ann.url}/?invite=nothing-like-this")
    expect(ann.toasts).to_contain_text("not valid any more")
