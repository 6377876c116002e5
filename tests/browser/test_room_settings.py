"""The settings of a room: integrations, invite links, deleting it; and what a report leads to."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import APIResponse, Locator, Route, expect

from tests.browser.person import Person
from tests.support import client
from tests.support.waiting import poll

NewPerson = Callable[..., Person]


def open_tab(person: Person, name: str) -> None:
    """Open a tab of the shown room's settings."""
    person.choose_of_room("Room settings")
    person.dialog.get_by_role("button", name=name, exact=True).click()


def row(person: Person, text: str) -> Locator:
    """A row of the list in the dialog."""
    return person.dialog.get_by_role("listitem").filter(has_text=text)


def answer(person: Person, question: str, action: str) -> None:
    """Press a button of the question that is asked on top of what is shown."""
    person.page.get_by_role("dialog", name=question).get_by_role("button", name=action, exact=True).click()


def test_a_webhook_shows_its_address_once_and_posts_until_it_is_revoked(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    open_tab(ann, "Integrations")
    expect(ann.dialog).to_contain_text("No program posts here.")
    ann.dialog.get_by_label("Name").fill("Deploys")
    ann.dialog.get_by_role("button", name="Make a webhook").click()
    address = ann.dialog.get_by_label("address of Deploys", exact=True)
    expect(address).to_be_focused()
    expect(ann.dialog).to_contain_text("is not shown again")
    path = address.input_value().removeprefix(ann.url)
    assert client.call(ann.url, "POST", path, {"text": "Version 7 is out"}).status == 200
    bob.expect_message("Version 7 is out")

    ann.dialog.get_by_role("button", name="Bans").click()
    ann.dialog.get_by_role("button", name="Integrations").click()
    expect(row(ann, "Deploys")).to_contain_text("Webhook, made by you")
    expect(address).to_have_count(0)
    row(ann, "Deploys").get_by_role("button", name="Revoke").click()
    answer(ann, "Revoke Deploys?", "Cancel")
    row(ann, "Deploys").get_by_role("button", name="Revoke").click()
    answer(ann, "Revoke Deploys?", "Revoke")
    expect(ann.dialog).to_contain_text("No program posts here.")
    assert client.call(ann.url, "POST", path, {"text": "And 8"}).status == 404

    bob.choose_of_room("Room settings")
    expect(bob.dialog.get_by_label("What is it about?")).to_be_visible()
    expect(bob.dialog.get_by_role("button", name="Integrations")).to_have_count(0)


def test_a_bot_shows_its_token_once_and_is_refused_once_it_is_revoked(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann", permissions=["clipboard-read", "clipboard-write"])
    ann.ignored_errors = (*ann.ignored_errors, "409", "422")  # Chromium logs responses with an error status
    room_id = ann.make_room(room_name)
    open_tab(ann, "Integrations")
    ann.dialog.get_by_label("Kind").select_option("Bot")
    for name, error in ((ann.name, "taken"), ("a b", "3 to 32 letters")):
        ann.dialog.get_by_label("Name").fill(name)
        ann.dialog.get_by_role("button", name="Make a bot").click()
        expect(ann.dialog.get_by_role("alert").first).to_contain_text(error)
    robot = f"robot-{room_id[-6:]}"
    ann.dialog.get_by_label("Name").fill(robot)
    ann.dialog.get_by_role("button", name="Make a bot").click()
    ann.dialog.get_by_role("button", name=f"Copy: token of {robot}").click()
    expect(ann.dialog).to_contain_text("Copied.")
    token = ann.page.evaluate("navigator.clipboard.readText()")
    assert token == ann.dialog.get_by_label(f"token of {robot}", exact=True).input_value()
    message = {"roomId": room_id, "content": "Beep"}
    assert client.call(ann.url, "POST", "/messages", message, token=token).status == 201
    row(ann, robot).get_by_role("button", name="Revoke").click()
    answer(ann, f"Revoke {robot}?", "Revoke")
    expect(ann.dialog.get_by_label(f"token of {robot}", exact=True)).to_have_count(0)
    assert client.call(ann.url, "POST", "/messages", message, token=token).status == 401


def test_an_invite_link_is_good_as_long_and_as_often_as_was_chosen(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann", permissions=["clipboard-read", "clipboard-write"])
    ann.make_room(room_name)
    open_tab(ann, "Invite links")
    for span, uses, shown in (
        ("1 hour", "5 times", "Used 0 of 5 times, expires on"),
        ("Never", "Any number", "Used 0 times, without a limit, never expires"),
    ):
        ann.dialog.get_by_label("Expires after").select_option(span)
        ann.dialog.get_by_label("Can be used").select_option(uses)
        ann.dialog.get_by_role("button", name="Make a link").click()
        expect(row(ann, shown)).to_be_visible()
    row(ann, "of 5 times").get_by_role("button", name="Copy").click()
    expect(ann.dialog).to_contain_text("The link is copied.")
    link = ann.page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{ann.url}/?invite=")
    path = f"/invites/{link.partition('=')[2]}"
    assert client.register(ann.url).call("POST", path).status == 200
    ann.page.keyboard.press("Escape")
    open_tab(ann, "Invite links")
    row(ann, "Used 1 of 5 times").get_by_role("button", name="Revoke").click()
    answer(ann, "Revoke this link?", "Revoke")
    expect(row(ann, "of 5 times")).to_have_count(0)
    assert client.register(ann.url).call("POST", path).status == 404


def test_members_make_links_into_a_public_room_and_see_their_own(pair: tuple[Person, Person]) -> None:
    ann, bob = pair
    open_tab(ann, "Invite links")
    ann.dialog.get_by_role("button", name="Make a link").click()
    expect(row(ann, "without a limit, expires on")).to_be_visible()
    bob.choose_of_room("Invite people")
    bob.dialog.get_by_label("Can be used").select_option("1 time")
    bob.dialog.get_by_role("button", name="Make an invite link").click()
    expect(bob.dialog.get_by_label("Invite link", exact=True)).to_have_value(re.compile(r"\?invite="))
    bob.page.keyboard.press("Escape")
    open_tab(bob, "Invite links")
    expect(row(bob, "Used 0 of 1 time, expires on")).to_be_visible()
    expect(bob.dialog.get_by_role("listitem")).to_have_count(1)


def test_who_clicks_twice_makes_one_webhook_and_one_link(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    held: list[Route] = []

    def hold_post(route: Route) -> None:
        if route.request.method == "POST":
            held.append(route)
        else:
            route.fallback()

    ann.page.route(re.compile("/(webhooks|invites)$"), hold_post)

    def make_by_two_clicks(button: str) -> None:
        ann.dialog.get_by_role("button", name=button).dblclick()
        poll(lambda: ann.page.evaluate("0") == 0 and held)
        for route in held:
            route.continue_()
        held.clear()

    open_tab(ann, "Integrations")
    ann.dialog.get_by_label("Name").fill("Deploys")
    make_by_two_clicks("Make a webhook")
    expect(row(ann, "Deploys")).to_have_count(1)
    ann.dialog.get_by_role("button", name="Invite links").click()
    make_by_two_clicks("Make a link")
    expect(row(ann, "Used 0 times")).to_have_count(1)
    ann.page.keyboard.press("Escape")
    ann.choose_of_room("Invite people")
    make_by_two_clicks("Make an invite link")
    expect(ann.dialog.get_by_label("Invite link", exact=True)).to_be_visible()
    ann.page.keyboard.press("Escape")
    open_tab(ann, "Invite links")
    expect(row(ann, "Used 0 times")).to_have_count(2)


def test_a_room_is_deleted_once_its_name_is_typed_and_is_gone_for_all(
    pair: tuple[Person, Person], room_name: str
) -> None:
    ann, bob = pair
    ann.choose_of_room("Room settings")
    ann.dialog.get_by_role("button", name="Delete the room").click()
    question = ann.page.get_by_role("dialog", name=f"Delete {room_name}?")
    expect(question).to_contain_text("lost to all 2 members")
    name, delete = question.get_by_role("textbox"), question.get_by_role("button", name="Delete")
    expect(name).to_be_focused()
    for typed in ("", room_name[:-1], room_name.upper()):
        name.fill(typed)
        expect(delete).to_be_disabled()
        name.press("Enter")
    expect(question).to_be_visible()
    name.fill(f" {room_name} ")
    delete.click()
    for person in (ann, bob):
        expect(person.room_button(room_name)).to_have_count(0)
    expect(ann.dialog).to_have_count(0)


def test_the_settings_of_a_room_close_where_it_is_gone_before_the_answer_to_its_deletion(
    new_person: NewPerson, room_name: str
) -> None:
    ann = new_person("ann")
    ann.make_room(room_name)
    late: list[tuple[Route, APIResponse]] = []

    def hold_deletion(route: Route) -> None:
        if route.request.method == "DELETE":
            late.append((route, route.fetch()))
        else:
            route.fallback()

    ann.page.route(re.compile(r"/rooms/[^/?]+$"), hold_deletion)
    ann.choose_of_room("Room settings")
    ann.dialog.get_by_role("button", name="Delete the room").click()
    question = ann.page.get_by_role("dialog", name=f"Delete {room_name}?")
    question.get_by_role("textbox").fill(room_name)
    question.get_by_role("button", name="Delete").click()
    expect(ann.room_button(room_name)).to_have_count(0)
    ((route, answer_to_it),) = late
    route.fulfill(response=answer_to_it)
    expect(ann.dialog).to_have_count(0)


def test_from_a_report_its_author_is_muted_and_banned_and_the_message_deleted(
    pair: tuple[Person, Person], room_name: str
) -> None:
    ann, bob = pair
    bob.ignored_errors = (*bob.ignored_errors, "403")  # Chromium logs responses with an error status
    room_id = ann.page.url.partition("room=")[2].partition("&")[0]
    for author, text in ((ann, "Be kind"), (bob, "Something rude")):
        author.send_message(text)
        ann.expect_message(text)
        message_id = ann.message(text).get_attribute("data-id")
        reporter = bob if author is ann else ann
        assert reporter.call("POST", f"/messages/{message_id}/report", {"reason": "It is rude."}) == 204
    ann.choose_of_room("Reports")
    own, report = (ann.panel.get_by_role("listitem").filter(has_text=text) for text in ("Be kind", "Something rude"))
    expect(own.get_by_role("button", name="Delete")).to_be_visible()
    expect(own.get_by_role("button", name="Mute")).to_have_count(0)
    expect(own.get_by_role("button", name="Ban")).to_have_count(0)

    report.get_by_role("button", name="Mute").click()
    ann.dialog.get_by_role("button", name="Mute", exact=True).click()
    expect(ann.toasts).to_contain_text(f"{bob.name} is muted for 1 hour.")
    message = {"roomId": room_id, "content": "Still here"}
    poll(lambda: bob.call("POST", "/messages", message) == 403)

    report.get_by_role("button", name="Delete").click()
    expect(report).to_contain_text("Deleted.")
    undo = ann.toasts.locator(".toast", has_text="Deleted.").get_by_role("button", name="Undo")
    undo.click()
    expect(report.get_by_role("button", name="Delete")).to_be_visible()
    ann.expect_message("Something rude")
    report.get_by_role("button", name="Delete").click()
    expect(report).to_contain_text("Deleted.")
    ann.toasts.locator(".toast", has_text="Deleted.").get_by_role("button", name="Dismiss").click()
    expect(bob.timeline).not_to_contain_text("Something rude")
    expect(report).to_contain_text("Deleted.")

    report.get_by_role("button", name="Ban").click()
    ann.dialog.get_by_role("button", name="Ban", exact=True).click()
    expect(bob.room_button(room_name)).to_have_count(0)


def test_a_field_that_the_server_refuses_says_what_it_takes(new_person: NewPerson, room_name: str) -> None:
    ann = new_person("ann")
    ann.ignored_errors = (*ann.ignored_errors, "422")  # Chromium logs responses with an error status
    ann.make_room(room_name)
    ann.choose_of_room("Room settings")
    ann.dialog.get_by_label("Name").fill(" ")
    ann.dialog.get_by_label("Most members").fill("1")
    ann.dialog.get_by_role("button", name="Save").click()
    expect(ann.dialog).to_contain_text("Use 1 to 80 characters")
    ann.dialog.get_by_label("Name").fill(room_name)
    ann.dialog.get_by_role("button", name="Save").click()
    expect(ann.dialog).to_contain_text("Give a number from 2 to 100,000.")
    expect(ann.dialog).not_to_contain_text("Use 1 to 80 characters")
    ann.dialog.get_by_label("Most members").fill("2")
    ann.dialog.get_by_role("button", name="Save").click()
    expect(ann.toasts).to_contain_text("Saved.")
